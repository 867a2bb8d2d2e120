-- How large the two sets of spans are.
SELECT countIf(selected) AS inside, countIf(NOT selected) AS outside
FROM
(
    SELECT
        start >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')
            AND start < fromUnixTimestamp64Nano({to:Int64}, 'UTC')
            AND {{selected}} AS selected
    FROM spans
    WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
        AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
        AND {{filter}}
)
