-- What tables have of storage tiers: their policy, and after how many hours, from the
-- beginning of their day, rows go to the volume for old ones.
SELECT
    name,
    storage_policy,
    extract(engine_full, 'toIntervalHour\\((\\d+)\\) TO VOLUME ''cold''') AS hours
FROM system.tables
WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree')
