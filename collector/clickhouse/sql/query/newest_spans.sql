-- The traces of the newest spans that meet a filter, and when the newest of each began.
SELECT lower(hex(trace_id)), toUnixTimestamp64Nano(max(spans.start)) AS newest
FROM {{spans}} AS spans
WHERE spans.start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND spans.start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND {{filter}}
GROUP BY trace_id
ORDER BY newest DESC
LIMIT {limit:UInt32}
