-- Which rows count is as in counted.sql, for the one service that is asked for.
SELECT
    intDiv(toUnixTimestamp(time) - {start:Int64}, {step:Int64}) AS step_index,
    sum(requests) AS request_count,
    sum(failed) AS failed_count,
    sumMap(buckets) AS bucket_counts
FROM {table:Identifier}
WHERE destination = {service:String}
    AND time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64})
    AND requests > 0
    AND (reporter = 'source'
        OR (reporter = 'destination' AND source = '')
        OR (reporter = 'app' AND (
            SELECT count()
            FROM red_1m
            WHERE destination = {service:String} AND reporter != 'app'
                AND time >= toStartOfMinute(toDateTime({start:Int64}, 'UTC'))
                AND time < fromUnixTimestamp({end:Int64})) = 0))
GROUP BY step_index
ORDER BY step_index
