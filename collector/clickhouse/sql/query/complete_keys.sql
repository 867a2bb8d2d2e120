-- Attributes of the rows of a window, the most frequent first, those that begin with what
-- was typed before those that hold it. A list to choose from need not be whole: it ends
-- where it would cost too much.
SELECT key, count() AS seen
FROM
(
    SELECT toString(arrayJoin(arrayConcat(mapKeys(attributes), mapKeys(numbers), mapKeys(bools), mapKeys(resource)))) AS key
    FROM {table:Identifier}
    WHERE {{time}} >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
        AND {{time}} < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
)
WHERE positionCaseInsensitiveUTF8(key, {typed:String}) > 0
GROUP BY key
ORDER BY startsWith(lower(key), lower({typed:String})) DESC, seen DESC, key
LIMIT {limit:UInt32}
SETTINGS max_rows_to_read = 2000000, read_overflow_mode = 'break', max_execution_time = 1, timeout_overflow_mode = 'break'
