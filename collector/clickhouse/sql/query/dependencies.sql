-- Whole minutes: requests per pair of services. Which rows count is in counted.sql.
SELECT source, destination, sum(requests) AS calls
FROM red_1m
WHERE time >= toStartOfMinute(toDateTime({start:Int64}, 'UTC')) AND time < fromUnixTimestamp({end:Int64})
    AND source NOT IN ('', '__other__') AND destination NOT IN ('', '__other__')
    AND {{counted}}
GROUP BY source, destination
ORDER BY source, destination
