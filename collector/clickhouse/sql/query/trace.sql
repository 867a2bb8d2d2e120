-- The index bounds the time, and so the partitions and, with the id, the granules that are
-- read. A trace has one row in it per day and part.
WITH
    toFixedString(unhex({trace_id:String}), 16) AS wanted,
    (SELECT (min(trace_index.start), max(finish)) FROM trace_index WHERE trace_id = wanted) AS lived
SELECT
    {{columns}}
FROM {{spans}} AS spans
WHERE trace_id = wanted AND start >= tupleElement(lived, 1) AND start <= tupleElement(lived, 2)
ORDER BY start, span_id
LIMIT {limit:UInt32}
