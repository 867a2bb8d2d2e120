-- What an attribute was in the rows of a window, ordered and cut as names are.
SELECT tupleElement(found, 2) AS text_of, count() AS seen
FROM
(
    SELECT arrayJoin([{{values}}]) AS found
    FROM {table:Identifier}
    WHERE {{time}} >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
        AND {{time}} < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
)
WHERE tupleElement(found, 3) AND text_of != '' AND length(text_of) <= 256
    AND positionCaseInsensitiveUTF8(text_of, {typed:String}) > 0
GROUP BY text_of
ORDER BY startsWith(lower(text_of), lower({typed:String})) DESC, seen DESC, text_of
LIMIT {limit:UInt32}
SETTINGS max_rows_to_read = 2000000, read_overflow_mode = 'break', max_execution_time = 1, timeout_overflow_mode = 'break'
