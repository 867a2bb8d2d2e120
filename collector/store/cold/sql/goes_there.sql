-- Tables that send their old parts to the cold disk, or have one there that no longer counts
-- and is not removed yet: a start without the disk would not be able to read them.
SELECT database, name FROM system.tables WHERE position(engine_full, 'TO VOLUME ''cold''') > 0
UNION ALL
SELECT database, table FROM system.parts WHERE disk_name = 'cold'
