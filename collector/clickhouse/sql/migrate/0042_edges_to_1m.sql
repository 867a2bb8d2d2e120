CREATE MATERIALIZED VIEW IF NOT EXISTS edges_to_1m TO edges_1m AS
SELECT
    toStartOfMinute(time) AS time,
    reporter, source, source_version, destination, destination_version, instance,
    flags, protocol, mtls,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sumMap(buckets) AS buckets,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out
FROM edges
GROUP BY
    time, reporter, source, source_version, destination, destination_version, instance,
    flags, protocol, mtls
