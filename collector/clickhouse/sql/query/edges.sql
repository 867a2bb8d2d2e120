-- A request between two sidecars is reported twice; the source's row counts, because
-- it also knows the requests that never arrived. A destination's row counts where no
-- source can report: the caller is outside the mesh. An application's own spans count
-- towards peers of which no sidecar has spoken.
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
FROM {table:Identifier}
WHERE time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64})
    AND (reporter = 'source'
        OR (reporter = 'destination' AND source = '')
        OR (reporter = 'app' AND destination NOT IN (
            SELECT destination FROM {table:Identifier}
            WHERE reporter != 'app'
                AND time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64}))))
GROUP BY source, source_version, destination, destination_version, instance, protocol
