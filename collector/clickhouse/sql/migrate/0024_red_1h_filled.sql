-- What is there already. The token has a migration that was cut off, and is begun anew,
-- store nothing twice: one thread reads the same blocks in the same order.
INSERT INTO red_1h
(
    time, reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls,
    requests, failed, duration_sum, buckets, bytes_in, bytes_out, opened
)
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
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'red_1h filled', max_threads = 1
