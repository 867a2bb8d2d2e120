-- Parts that were set aside because their files are damaged; those that somebody detached by
-- hand, or that another part covers, are not.
SELECT table, name, ifNull(partition_id, ''), toUInt64(ifNull(bytes_on_disk, 0)), modification_time
FROM system.detached_parts
WHERE database = currentDatabase() AND startsWith(reason, 'broken')
ORDER BY modification_time DESC, table, name
LIMIT {most:UInt32}
