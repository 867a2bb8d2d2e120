CREATE VIEW IF NOT EXISTS otel_traces_trace_id_ts AS
SELECT
    lower(hex(trace_id)) AS TraceId,
    toDateTime(start, 'UTC') AS Start,
    toDateTime(finish, 'UTC') AS End
FROM trace_index
