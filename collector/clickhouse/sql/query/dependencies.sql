-- Whole minutes: requests per pair of services, counted once as edges.sql counts them.
SELECT source, destination, sum(requests) AS calls
FROM red_1m
WHERE time >= toStartOfMinute(toDateTime({start:Int64}, 'UTC')) AND time < fromUnixTimestamp({end:Int64})
    AND requests > 0 AND source != '' AND destination NOT IN ('', '__other__') AND source != '__other__'
    AND (reporter = 'source'
        OR (reporter = 'app' AND destination NOT IN (
            SELECT destination
            FROM red_1m
            WHERE reporter != 'app'
                AND time >= toStartOfMinute(toDateTime({start:Int64}, 'UTC'))
                AND time < fromUnixTimestamp({end:Int64}))))
GROUP BY source, destination
ORDER BY source, destination
