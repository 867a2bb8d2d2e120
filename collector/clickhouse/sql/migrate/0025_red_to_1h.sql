CREATE MATERIALIZED VIEW IF NOT EXISTS red_to_1h TO red_1h AS
SELECT
    toStartOfHour(time) AS time,
    reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sumMap(buckets) AS buckets,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out,
    sum(opened) AS opened
FROM red_1m
GROUP BY
    time, reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls
