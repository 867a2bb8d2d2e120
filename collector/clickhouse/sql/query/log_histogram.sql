-- Numbers of severities are OpenTelemetry's: four to a class.
SELECT
    toUInt32(intDiv(toUnixTimestamp64Nano(time) - {origin:Int64}, {step:Int64})) AS bin,
    multiIf(
        severity_number BETWEEN 1 AND 24, arrayElement(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'], intDiv(severity_number + 3, 4)),
        severity IN ('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'), toString(severity),
        severity = 'WARNING', 'WARN',
        'UNSET') AS class,
    count() AS row_count
FROM logs
WHERE time >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND time < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND ({service:String} = '' OR service = {service:String})
    AND ({trace_id:String} = '' OR trace_id = toFixedString(unhex({trace_id:String}), 16))
    AND status >= {min_status:UInt16}
    AND ({text:String} = ''
        OR positionCaseInsensitive(path, {text:String}) > 0
        OR positionCaseInsensitive(body, {text:String}) > 0
        OR positionCaseInsensitive(reason, {text:String}) > 0)
    AND {{filter}}
GROUP BY bin, class
