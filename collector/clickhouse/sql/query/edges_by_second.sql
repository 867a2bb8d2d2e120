-- What the search for anomalies needs of the newest seconds, all in one answer. Which
-- rows count is as in edges.sql.
SELECT
    time,
    source,
    source_version,
    destination,
    destination_version,
    instance,
    sum(requests) AS request_count,
    sum(failed) AS failed_count,
    sumMapIf(
        mapFromArrays(
            arrayDistinct(splitByChar(',', toString(flags))),
            arrayWithConstant(length(arrayDistinct(splitByChar(',', toString(flags)))), toUInt64(requests))),
        flags != '') AS flag_counts
FROM red
WHERE time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64})
    AND requests > 0
    AND (reporter = 'source'
        OR (reporter = 'destination' AND source = '')
        OR (reporter = 'app' AND destination NOT IN (
            SELECT destination
            FROM red_1m
            WHERE reporter != 'app'
                AND time >= toStartOfMinute(toDateTime({start:Int64}, 'UTC'))
                AND time < fromUnixTimestamp({end:Int64}))))
GROUP BY time, source, source_version, destination, destination_version, instance
