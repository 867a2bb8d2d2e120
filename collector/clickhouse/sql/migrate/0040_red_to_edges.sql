-- Rows of one key need no GROUP BY here: the table adds them up as they are inserted.
CREATE MATERIALIZED VIEW IF NOT EXISTS red_to_edges TO edges AS
SELECT
    time,
    reporter, source, source_version, destination, destination_version, instance,
    flags, protocol, mtls,
    requests, failed, duration_sum, buckets, bytes_in, bytes_out
FROM red
WHERE requests > 0 AND (reporter != 'destination' OR source = '')
