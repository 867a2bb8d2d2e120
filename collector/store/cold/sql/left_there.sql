-- What no move brings back: parts that no longer count and are not removed yet, without which
-- a start cannot do, and parts that were set aside, which are for a person to look at.
SELECT database, table, name, 'no longer counts' AS state
FROM system.parts
WHERE NOT active AND disk_name = 'cold'
UNION ALL
SELECT database, table, name, 'set aside' AS state
FROM system.detached_parts
WHERE disk = 'cold'
