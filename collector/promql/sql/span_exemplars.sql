-- Requests that sidecars recorded, one for each key, length (in doublings) and stretch of
-- {stretch} seconds: their traces are the exemplars of the metrics computed from RED rows.
SELECT
    if(kind = 'client', 'source', 'destination') AS reporter, service, version, peer, peer_version,
    route, method, http_status, grpc_status, flags, protocol, mtls,
    toUnixTimestamp64Milli(start) AS ms, duration / 1e6 AS length,
    lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span
FROM {{spans}} AS spans
WHERE mesh AND kind IN ('client', 'server')
    AND start >= fromUnixTimestamp64Milli({start:Int64}) AND start <= fromUnixTimestamp64Milli({end:Int64})
    AND ({reporter:String} = '' OR reporter = {reporter:String})
LIMIT 1 BY service, version, peer, peer_version, kind, route, http_status, flags, protocol,
    toInt8(log2(duration + 1)), intDiv(toUnixTimestamp64Milli(start), 1000 * {stretch:Int64})
LIMIT {limit:UInt64}
