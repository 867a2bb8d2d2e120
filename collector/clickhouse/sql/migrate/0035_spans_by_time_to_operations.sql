CREATE MATERIALIZED VIEW IF NOT EXISTS spans_by_time_to_operations TO operations AS
SELECT
    toStartOfHour(toDateTime(start, 'UTC')) AS hour,
    service,
    kind,
    toString(name) AS name,
    toUInt64(count()) AS spans
FROM spans_by_time
GROUP BY hour, service, kind, name
