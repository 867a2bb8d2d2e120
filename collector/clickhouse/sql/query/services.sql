SELECT DISTINCT name
FROM (
    SELECT toString(service) AS name
    FROM operations
    WHERE hour >= toStartOfHour(toDateTime({start:Int64}, 'UTC')) AND hour < fromUnixTimestamp({end:Int64})
    UNION ALL
    SELECT toString(arrayJoin([source, destination])) AS name
    FROM red_1m
    WHERE time >= toStartOfMinute(toDateTime({start:Int64}, 'UTC')) AND time < fromUnixTimestamp({end:Int64})
)
WHERE name NOT IN ('', '__other__')
ORDER BY name
