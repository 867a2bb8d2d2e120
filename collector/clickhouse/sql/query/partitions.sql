-- Days and weeks alone: what is kept by the month is small.
SELECT
    table,
    partition_id,
    assumeNotNull(toDateOrNull(partition)) AS day,
    disk_name IN (SELECT arrayJoin(disks) FROM system.storage_policies WHERE volume_name = 'cold') AS cold,
    sum(bytes_on_disk) AS bytes
FROM system.parts
WHERE database = currentDatabase() AND active AND toDateOrNull(partition) IS NOT NULL
GROUP BY table, partition_id, partition, cold
ORDER BY day, table, cold
