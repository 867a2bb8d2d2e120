-- How many spans there are of each day. One server knows it without its disks, of which that
-- for old days may be away.
SELECT table, partition, sum(rows)
FROM system.parts
WHERE database = currentDatabase() AND active AND rows > 0 AND table IN ('spans', 'spans_by_time')
GROUP BY table, partition
