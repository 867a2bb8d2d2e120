SELECT table, name, reason, bytes_on_disk, path
FROM system.detached_parts
WHERE startsWith(reason, 'broken')
ORDER BY database, table, name
