-- Two minutes are for clocks of sidecars that are ahead.
INSERT INTO edges_since
(
    time
)
SELECT toStartOfMinute(now()) + INTERVAL 3 MINUTE AS time
FROM red
HAVING count() > 0
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'edges since'
