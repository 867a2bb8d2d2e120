-- Edges of one table, by the second, minute or hour. A request between two sidecars is
-- reported twice; the source's row counts, because it also knows the requests that never
-- arrived. A destination's row counts where no source can report: the caller is outside the
-- mesh. What apps' own spans say stands apart, as it counts only towards peers of which no
-- sidecar has spoken. Rows that only say that streams opened are left out.
SELECT
    reporter = 'app' AS of_app,
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
WHERE ((time >= fromUnixTimestamp({from:Int64}) AND time < fromUnixTimestamp({to:Int64}))
        OR (time >= fromUnixTimestamp({then_from:Int64}) AND time < fromUnixTimestamp({then_to:Int64})))
    AND requests > 0
    AND (reporter != 'destination' OR source = '')
GROUP BY of_app, source, source_version, destination, destination_version, instance, protocol
