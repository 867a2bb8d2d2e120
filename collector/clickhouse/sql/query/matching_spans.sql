-- The spans of some traces that meet a filter, the first of each, and how many of each do.
SELECT
    {{columns}},
    count() OVER (PARTITION BY trace_id) AS matched
FROM {{spans}} AS spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {ids:String}))), 16))
    AND spans.start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND spans.start <= fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND {{filter}}
ORDER BY spans.start, span_id
LIMIT {each:UInt32} BY trace_id
