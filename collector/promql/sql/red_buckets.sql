-- As red_counts.sql, for the histogram of durations.
SELECT
    reporter, source, source_version, destination, destination_version, route, method,
    status, grpc_status, flags, protocol, mtls,
    toInt64(intDiv(toInt64(toUnixTimestamp(time)) - {start:Int64}, {grain:Int64})) AS slot,
    sumMap(buckets) AS buckets,
    sum(duration_sum) AS duration_sum
FROM {table:Identifier}
WHERE time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64})
    AND ({reporter:String} = '' OR reporter = {reporter:String})
    AND ({source:String} = '' OR source = {source:String} OR startsWith(source, concat({source:String}, '.')))
    AND ({destination:String} = '' OR destination = {destination:String} OR startsWith(destination, concat({destination:String}, '.')))
GROUP BY
    reporter, source, source_version, destination, destination_version, route, method,
    status, grpc_status, flags, protocol, mtls, slot
ORDER BY slot
