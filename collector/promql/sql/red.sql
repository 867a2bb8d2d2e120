-- What was done in each slot of {grain} seconds after {start}, by those columns of the key
-- that are named. The rows of one second count from the second's end on, so {start} and
-- {end} are half-open. Empty {source} and {destination} select all; a name selects it in
-- every namespace. {of} is 'requests', 'streams' or '' for both. What is added up is in
-- red_counts.sql and red_buckets.sql.
SELECT
    if(has({columns:Array(String)}, 'reporter'), reporter, '') AS by_reporter,
    if(has({columns:Array(String)}, 'source'), source, '') AS by_source,
    if(has({columns:Array(String)}, 'source_version'), source_version, '') AS by_source_version,
    if(has({columns:Array(String)}, 'destination'), destination, '') AS by_destination,
    if(has({columns:Array(String)}, 'destination_version'), destination_version, '') AS by_destination_version,
    if(has({columns:Array(String)}, 'route'), route, '') AS by_route,
    if(has({columns:Array(String)}, 'method'), method, '') AS by_method,
    if(has({columns:Array(String)}, 'status'), status, 0) AS by_status,
    if(has({columns:Array(String)}, 'grpc_status'), grpc_status, -1) AS by_grpc_status,
    if(has({columns:Array(String)}, 'flags'), flags, '') AS by_flags,
    if(has({columns:Array(String)}, 'protocol'), protocol, '') AS by_protocol,
    if(has({columns:Array(String)}, 'mtls'), mtls, false) AS by_mtls,
    intDiv(toInt64(toUnixTimestamp(time)) - {start:Int64}, {grain:Int64}) AS slot,
    {{sums}}
FROM {table:Identifier}
WHERE time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64})
    AND ({reporter:String} = '' OR reporter = {reporter:String})
    AND ({source:String} = '' OR source = {source:String} OR startsWith(source, concat({source:String}, '.')))
    AND ({destination:String} = '' OR destination = {destination:String} OR startsWith(destination, concat({destination:String}, '.')))
    AND ({of:String} = '' OR (protocol = 'tcp') = ({of:String} = 'streams'))
GROUP BY
    by_reporter, by_source, by_source_version, by_destination, by_destination_version, by_route, by_method,
    by_status, by_grpc_status, by_flags, by_protocol, by_mtls, slot
ORDER BY slot
SETTINGS max_rows_to_group_by = {{most}}, group_by_overflow_mode = 'throw'
