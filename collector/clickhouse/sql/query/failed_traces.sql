-- Either end of a hop will do: the callee's own span, or the caller's where the callee
-- was never reached or its telemetry is late.
SELECT lower(hex(trace_id))
FROM {{spans}} AS spans
WHERE mesh AND failed
    AND start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND ((kind = 'server'
            AND service = {service:String}
            AND ({version:String} = '' OR version = {version:String})
            AND ({instance:String} = '' OR instance = {instance:String}))
        OR (kind = 'client'
            AND peer = {service:String}
            AND ({version:String} = '' OR peer_version = {version:String})
            AND ({instance:String} = '' OR peer_instance = {instance:String})))
GROUP BY trace_id
ORDER BY max(start) DESC
LIMIT {limit:UInt32}
