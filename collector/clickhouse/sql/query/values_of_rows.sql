-- What an attribute was in some rows of a window that have it, ordered as names are. It
-- ends where it would cost too much.
SELECT tupleElement(found, 1) AS kind_of, tupleElement(found, 2) AS text_of, count() AS rows_with
FROM
(
    SELECT arrayJoin(all_found) AS found
    FROM
    (
        SELECT [{{values}}] AS all_found
        FROM {{rows_of}}
        WHERE {{time}} >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
            AND {{time}} < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
            AND {{filter}}
            AND rand() % {every:UInt64} = 0
    )
)
WHERE tupleElement(found, 3) AND text_of != '' AND length(text_of) <= 256
    AND positionCaseInsensitiveUTF8(text_of, {typed:String}) > 0
GROUP BY kind_of, text_of
ORDER BY startsWith(lower(text_of), lower({typed:String})) DESC, rows_with DESC, text_of
LIMIT {limit:UInt32}
SETTINGS max_rows_to_read = {{rows}}, read_overflow_mode = 'break', max_execution_time = {{seconds}}, timeout_overflow_mode = 'break'
