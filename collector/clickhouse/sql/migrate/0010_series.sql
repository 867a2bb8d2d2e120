-- The labels of each series of samples, once. day lets series that ended fall away
-- and bounds what a query over a range looks at.
CREATE TABLE IF NOT EXISTS series
(
    metric      LowCardinality(String),
    fingerprint UInt64 CODEC(ZSTD(1)),
    day         Date,
    labels      Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toMonday(day)
ORDER BY (metric, fingerprint, day)
TTL day + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
