-- How large the two sets of spans are: what they stand for, the squares of that, from which
-- it follows how sure they are, and how many were stored.
SELECT
    sumIf(weight, selected) AS inside, sumIf(weight, NOT selected) AS outside,
    sumIf(weight * weight, selected) AS squares_inside, sumIf(weight * weight, NOT selected) AS squares_outside,
    countIf(selected) AS stored_inside, countIf(NOT selected) AS stored_outside
FROM
(
    SELECT
        weight,
        start >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')
            AND start < fromUnixTimestamp64Nano({to:Int64}, 'UTC')
            AND {{selected}} AS selected
    FROM {{spans}} AS spans
    WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
        AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
        AND {{filter}}
)
