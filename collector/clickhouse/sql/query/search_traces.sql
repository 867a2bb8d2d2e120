-- The traces come from spans, per filter as traces_of_spans.sql has it, or are those of
-- these_traces.sql.
-- Conditions on the whole trace, the order and the cursor look at the index, whose
-- several rows per trace are grouped.
WITH
    fromUnixTimestamp64Nano({start:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Nano({end:Int64}, 'UTC') AS until
SELECT
    lower(hex(trace_id)) AS id,
    min(trace_index.start) AS began,
    max(finish) AS ended,
    tupleElement(min(root), 'service') AS root_service,
    tupleElement(min(root), 'name') AS root_name,
    sum(spans) AS span_count,
    sum(errors) AS error_count,
    arraySort(groupUniqArrayArray(services)) AS all_services
FROM trace_index
WHERE day >= toDate(since) - 1 AND day <= toDate(until) + 1
    AND {{traces}}
GROUP BY trace_id
HAVING began >= fromUnixTimestamp64Nano({floor:Int64}, 'UTC')
    AND (toUnixTimestamp64Nano(began), id) < ({before:Int64}, {before_id:String})
    AND toUnixTimestamp64Nano(ended) - toUnixTimestamp64Nano(began) BETWEEN {least:UInt64} AND {most:UInt64}
    AND (NOT {no_errors:Bool} OR error_count = 0)
ORDER BY began DESC, id DESC
LIMIT {limit:UInt32}
