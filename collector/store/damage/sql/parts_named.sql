-- The active parts whose directories a text names, by the ends of their paths: the text may
-- begin them at the disk.
SELECT database, table, name, rows, bytes_on_disk, disk_name
FROM system.parts
WHERE active AND position({text:String}, extract(path, '[^/]+/[^/]+/$')) > 0
