-- Attributes of rows of a window, the most frequent first, those that begin with what was
-- typed before those that hold it. A list to choose from need not be whole: some of
-- many rows will do, and it ends where it would cost too much.
SELECT toString(name) AS key, count() AS seen
FROM
(
    SELECT arrayJoin(names) AS name
    FROM
    (
        SELECT arrayConcat(mapKeys(attributes), mapKeys(numbers), mapKeys(bools), mapKeys(resource)) AS names
        FROM {table:Identifier}
        WHERE {{time}} >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
            AND {{time}} < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
            AND rand() % {every:UInt64} = 0
    )
)
GROUP BY name
HAVING positionCaseInsensitiveUTF8(key, {typed:String}) > 0
ORDER BY startsWith(lower(key), lower({typed:String})) DESC, seen DESC, key
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 5, timeout_overflow_mode = 'break'
