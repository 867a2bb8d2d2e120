-- What an attribute was, with the type of it. A list to choose from need not be whole: it
-- ends where it would cost too much.
SELECT DISTINCT tupleElement(found, 1) AS type_of, tupleElement(found, 2) AS text_of
FROM
(
    SELECT arrayJoin([{{values}}]) AS found
    FROM spans
    WHERE spans.start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
        AND spans.start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
        AND {{filter}}
)
WHERE tupleElement(found, 3) AND text_of != ''
ORDER BY text_of, type_of
LIMIT {limit:UInt32}
SETTINGS max_rows_to_read = 20000000, read_overflow_mode = 'break', max_execution_time = 5, timeout_overflow_mode = 'break'
