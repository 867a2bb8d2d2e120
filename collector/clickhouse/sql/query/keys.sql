-- Attributes that rows of a window have, widened to whole quarters of an hour, the most
-- frequent first, those that begin with what was typed before those that hold it.
SELECT toString(scope) AS scope_of, toString(key) AS name, sum(seen) AS rows_with
FROM attributes
WHERE rows_of = {table:String}
    AND bucket >= toStartOfFifteenMinutes(fromUnixTimestamp64Nano({start:Int64}, 'UTC'))
    AND bucket < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND positionCaseInsensitiveUTF8(key, {typed:String}) > 0
GROUP BY scope_of, name
ORDER BY startsWith(lower(name), lower({typed:String})) DESC, rows_with DESC, name
LIMIT {limit:UInt32}
