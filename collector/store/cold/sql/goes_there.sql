-- Tables that send their old parts to the cold disk.
SELECT database, name
FROM system.tables
WHERE position(engine_full, 'TO VOLUME ''cold''') > 0
ORDER BY database, name
