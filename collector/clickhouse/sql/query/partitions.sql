-- Days and weeks alone: what is kept by the month is small.
SELECT
    table,
    partition_id,
    assumeNotNull(toDateOrNull(partition)) AS day,
    sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE database = currentDatabase() AND active AND toDateOrNull(partition) IS NOT NULL
GROUP BY table, partition_id, partition
ORDER BY day, table
