-- What the search for anomalies needs of the newest seconds, all in one answer. Which
-- rows count is in counted.sql.
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
    AND {{counted}}
GROUP BY time, source, source_version, destination, destination_version, instance
