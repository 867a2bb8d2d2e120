CREATE MATERIALIZED VIEW IF NOT EXISTS spans_to_operations TO operations AS
SELECT
    toStartOfHour(toDateTime(start, 'UTC')) AS hour,
    service,
    kind,
    toString(name) AS name,
    toUInt64(count()) AS spans
FROM spans
GROUP BY hour, service, kind, name
