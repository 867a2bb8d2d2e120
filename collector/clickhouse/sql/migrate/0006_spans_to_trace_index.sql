CREATE MATERIALIZED VIEW IF NOT EXISTS spans_to_trace_index TO trace_index AS
SELECT
    trace_id,
    toDate(spans.start) AS day,
    min(spans.start) AS start,
    max(spans.start + toIntervalNanosecond(duration)) AS finish,
    min((toUInt8(parent_id != toFixedString('', 8)), spans.start, toString(service), toString(name))) AS root,
    toUInt64(count()) AS spans,
    toUInt64(countIf(status = 'error')) AS errors,
    groupUniqArray(toString(service)) AS services
FROM spans
GROUP BY trace_id, day
