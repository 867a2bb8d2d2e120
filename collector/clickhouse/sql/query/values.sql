-- What attributes were in the newest quarters of an hour of a window, the most widespread
-- first, those that begin with what was typed before those that hold it. How many rows have
-- each is not known.
SELECT kind_of, text_of, toUInt64(0) AS rows_with
FROM
(
    SELECT kind_of, arrayJoin(texts) AS text_of
    FROM
    (
        SELECT toString(kind) AS kind_of, texts
        FROM attributes
        WHERE rows_of = {table:String} AND {{attribute}}
            AND ({service:String} = '' OR service = {service:String})
            AND bucket >= toStartOfFifteenMinutes(fromUnixTimestamp64Nano({start:Int64}, 'UTC'))
            AND bucket < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
        ORDER BY bucket DESC
        LIMIT 5000
    )
)
WHERE positionCaseInsensitiveUTF8(text_of, {typed:String}) > 0
GROUP BY kind_of, text_of
ORDER BY startsWith(lower(text_of), lower({typed:String})) DESC, count() DESC, text_of
LIMIT {limit:UInt32}
