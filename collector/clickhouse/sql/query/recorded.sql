SELECT
    time, lower(hex(trace_id)), reporter, service, version, instance, peer, peer_version, peer_identity,
    route, method, path, authority, user_agent, request_id, status, flags, duration_ms, tries,
    toUInt16(numbers['server.port'])
FROM logs
WHERE time >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND time < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND access AND reporter IN ('source', 'destination') AND method != ''
ORDER BY time DESC, span_id
LIMIT {limit:UInt32}
