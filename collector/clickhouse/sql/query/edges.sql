-- A request between two sidecars is reported twice; the source's row counts, because
-- it also knows the requests that never arrived. A destination's row counts where no
-- source can report: the caller is outside the mesh. An application's own spans count
-- towards peers of which no sidecar has spoken. Of a long window the whole minutes in
-- the middle are read from the rows per minute. A stream counts when it has ended: rows
-- that only say that some opened are left out.
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
    WHERE time >= fromUnixTimestamp({first_minute:Int64}) AND time < fromUnixTimestamp({last_minute:Int64})
)
WHERE requests > 0
    AND (reporter = 'source'
        OR (reporter = 'destination' AND source = '')
        OR (reporter = 'app' AND destination NOT IN (
            SELECT destination
            FROM red_1m
            WHERE reporter != 'app'
                AND time >= toStartOfMinute(toDateTime({start:Int64}, 'UTC'))
                AND time < fromUnixTimestamp({end:Int64}))))
GROUP BY source, source_version, destination, destination_version, instance, protocol
