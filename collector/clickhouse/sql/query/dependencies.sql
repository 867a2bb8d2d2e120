-- Whole minutes or hours: requests per pair of services. Which rows count is in counted.sql.
SELECT source, destination, sum(requests) AS calls, sum(failed) AS failures
FROM {rollup:Identifier}
WHERE time >= fromUnixTimestamp({rollup_start:Int64}) AND time < fromUnixTimestamp({end:Int64})
    AND source NOT IN ('', '__other__') AND destination NOT IN ('', '__other__')
    AND {{counted}}
GROUP BY source, destination
ORDER BY source, destination
