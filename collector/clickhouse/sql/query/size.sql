-- What all tables have on disk, and what of it lies on disks for old days.
SELECT
    toUInt64(sum(bytes_on_disk)),
    toUInt64(sumIf(bytes_on_disk, disk_name IN (SELECT arrayJoin(disks) FROM system.storage_policies WHERE volume_name = 'cold')))
FROM system.parts
WHERE database = currentDatabase() AND active
