-- What each metric is, as whoever sends it says, once a day.
CREATE TABLE IF NOT EXISTS metadata
(
    metric LowCardinality(String),
    kind   LowCardinality(String),
    unit   LowCardinality(String),
    help   String CODEC(ZSTD(1)),
    day    Date
)
ENGINE = ReplacingMergeTree
PARTITION BY toMonday(day)
ORDER BY (metric, kind, unit, help, day)
TTL day + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
