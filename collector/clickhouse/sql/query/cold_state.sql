-- What keeps old days from where they go: the last failure of S3 that is not of a while ago,
-- or days that should have gone an hour ago and are still where they were, while none is on
-- its way. That a directory is not there is not told here.
SELECT
    (
        SELECT argMax(last_error_message, last_error_time)
        FROM system.errors
        WHERE name = 'S3_ERROR' AND last_error_time > now() - INTERVAL 2 MINUTE
    ) AS failure,
    toUInt64(sum(bytes_on_disk)) AS late
FROM system.parts
WHERE database = currentDatabase() AND active
    AND (SELECT count() FROM system.moves WHERE database = currentDatabase()) = 0
    AND disk_name NOT IN (SELECT arrayJoin(disks) FROM system.storage_policies WHERE volume_name = 'cold')
    AND arrayExists((expression, until) -> position(expression, 'toIntervalHour') > 0 AND until > 0 AND until < now() - INTERVAL 1 HOUR, move_ttl_info.expression, move_ttl_info.max)
