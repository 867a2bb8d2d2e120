-- The index bounds the time, and so the partitions and granules that are read. A trace
-- has one row in it per day and part.
WITH toFixedString(unhex({trace_id:String}), 16) AS wanted
SELECT
    {{columns}}
FROM spans
WHERE trace_id = wanted
    AND start >= (SELECT min(trace_index.start) FROM trace_index WHERE trace_id = wanted)
    AND start <= (SELECT max(finish) FROM trace_index WHERE trace_id = wanted)
ORDER BY start, span_id
LIMIT {limit:UInt32}
