-- What an attribute was in the rows of a window that have it, ordered and cut as names are.
SELECT tupleElement(found, 2) AS text_of, count() AS seen
FROM
(
    SELECT arrayJoin(all_found) AS found
    FROM
    (
        SELECT [{{values}}] AS all_found
        FROM {table:Identifier}
        WHERE {{time}} >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
            AND {{time}} < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
            AND {{present}}
            AND rand() % {every:UInt64} = 0
    )
)
WHERE tupleElement(found, 3) AND text_of != '' AND length(text_of) <= 256
    AND positionCaseInsensitiveUTF8(text_of, {typed:String}) > 0
GROUP BY text_of
ORDER BY startsWith(lower(text_of), lower({typed:String})) DESC, seen DESC, text_of
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 5, timeout_overflow_mode = 'break'
