-- What each key did in each slot of {grain} seconds after {start}. The rows of one
-- second count from the second's end on, so {start} and {end} are half-open.
-- Empty {source} and {destination} select all; a name selects it in every namespace.
SELECT
    reporter, source, source_version, destination, destination_version, route, method,
    status, grpc_status, flags, protocol, mtls,
    toInt64(intDiv(toInt64(toUnixTimestamp(time)) - {start:Int64}, {grain:Int64})) AS slot,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out,
    sum(opened) AS opened
FROM {table:Identifier}
WHERE time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64})
    AND ({reporter:String} = '' OR reporter = {reporter:String})
    AND ({source:String} = '' OR source = {source:String} OR startsWith(source, concat({source:String}, '.')))
    AND ({destination:String} = '' OR destination = {destination:String} OR startsWith(destination, concat({destination:String}, '.')))
GROUP BY
    reporter, source, source_version, destination, destination_version, route, method,
    status, grpc_status, flags, protocol, mtls, slot
ORDER BY slot
