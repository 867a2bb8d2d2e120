SELECT DISTINCT name, toString(kind) AS span_kind
FROM operations
WHERE service = {service:String}
    AND ({kind:String} = '' OR toString(kind) = {kind:String})
    AND hour >= toStartOfHour(toDateTime({start:Int64}, 'UTC')) AND hour < fromUnixTimestamp({end:Int64})
ORDER BY name, span_kind
LIMIT {limit:UInt32}
