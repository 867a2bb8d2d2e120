INSERT INTO red (
    time, reporter, source, source_version, destination, destination_version, instance, route,
    method, status, grpc_status, flags, protocol, mtls, requests, failed, duration_sum, buckets,
    bytes_in, bytes_out, opened
)
