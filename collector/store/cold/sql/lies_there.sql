-- The parts on the cold disk.
SELECT database, table, name
FROM system.parts
WHERE active AND disk_name = 'cold'
ORDER BY database, table, name
