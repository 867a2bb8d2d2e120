-- Of a long window the whole hours in the middle are read from the rows per hour, and the
-- whole minutes around them from those per minute.
-- Which rows count is in counted.sql.
SELECT
    source,
    source_version,
    destination,
    destination_version,
    instance,
    protocol,
    sum(requests) AS request_count,
    sum(failed) AS failed_count,
    sumIf(requests, mtls) AS mtls_count,
    sumMapIf(
        mapFromArrays(
            arrayDistinct(splitByChar(',', toString(flags))),
            arrayWithConstant(length(arrayDistinct(splitByChar(',', toString(flags)))), toUInt64(requests))),
        flags != '') AS flag_counts,
    sum(duration_sum) AS durations,
    sumMap(buckets) AS bucket_counts,
    sum(bytes_in) AS in_bytes,
    sum(bytes_out) AS out_bytes
FROM
(
    SELECT
        reporter, source, source_version, destination, destination_version, instance, protocol,
        mtls, flags, requests, failed, duration_sum, buckets, bytes_in, bytes_out
    FROM red
    WHERE (time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({first_minute:Int64}))
        OR (time >= fromUnixTimestamp({last_minute:Int64}) AND time < fromUnixTimestamp({end:Int64}))
    UNION ALL
    SELECT
        reporter, source, source_version, destination, destination_version, instance, protocol,
        mtls, flags, requests, failed, duration_sum, buckets, bytes_in, bytes_out
    FROM red_1m
    WHERE (time >= fromUnixTimestamp({first_minute:Int64}) AND time < fromUnixTimestamp({first_hour:Int64}))
        OR (time >= fromUnixTimestamp({last_hour:Int64}) AND time < fromUnixTimestamp({last_minute:Int64}))
    UNION ALL
    SELECT
        reporter, source, source_version, destination, destination_version, instance, protocol,
        mtls, flags, requests, failed, duration_sum, buckets, bytes_in, bytes_out
    FROM red_1h
    WHERE time >= fromUnixTimestamp({first_hour:Int64}) AND time < fromUnixTimestamp({last_hour:Int64})
)
WHERE {{counted}}
GROUP BY source, source_version, destination, destination_version, instance, protocol
