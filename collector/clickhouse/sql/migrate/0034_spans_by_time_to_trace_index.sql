CREATE MATERIALIZED VIEW IF NOT EXISTS spans_by_time_to_trace_index TO trace_index AS
SELECT
    trace_id,
    toDate(spans_by_time.start) AS day,
    min(spans_by_time.start) AS start,
    max(spans_by_time.start + toIntervalNanosecond(duration)) AS finish,
    min((toUInt8(parent_id != toFixedString('', 8)), spans_by_time.start, toString(service), toString(name))) AS root,
    toUInt64(count()) AS spans,
    toUInt64(countIf(status = 'error')) AS errors,
    groupUniqArray(toString(service)) AS services
FROM spans_by_time
GROUP BY trace_id, day
