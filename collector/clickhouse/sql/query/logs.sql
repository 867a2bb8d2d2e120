-- Rows of one nanosecond are told apart by what they say. Those that say all the same are
-- counted by the cursor.
WITH cityHash64(service, instance, reporter, span_id, body) AS tie
SELECT
    time, service, version, instance, reporter, peer, peer_version, method, path,
    status, flags, reason, duration_ms, request_id,
    lower(hex(trace_id)), lower(hex(span_id)), severity, body,
    access, grpc_status, route, generated_by, attempts, tries, protocol, mtls, config_version,
    peer_instance, peer_identity, authority, user_agent, first_byte_ms, bytes_in, bytes_out,
    attributes, numbers, bools, resource, tie
FROM logs
WHERE time >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND time < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND (time < fromUnixTimestamp64Nano({before:Int64}, 'UTC') OR tie <= {before_tie:UInt64})
    AND ({service:String} = '' OR service = {service:String})
    AND ({trace_id:String} = '' OR trace_id = toFixedString(unhex({trace_id:String}), 16))
    AND status >= {min_status:UInt16}
    AND ({text:String} = ''
        OR positionCaseInsensitive(path, {text:String}) > 0
        OR positionCaseInsensitive(body, {text:String}) > 0
        OR positionCaseInsensitive(reason, {text:String}) > 0)
    AND {{filter}}
ORDER BY time DESC, tie DESC
LIMIT {limit:UInt32} OFFSET {shown:UInt32}
