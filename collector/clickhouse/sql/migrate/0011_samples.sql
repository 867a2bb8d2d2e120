-- Values of metrics and of recording rules: ms is Unix milliseconds, as PromQL counts.
CREATE TABLE IF NOT EXISTS samples
(
    metric      LowCardinality(String),
    fingerprint UInt64 CODEC(Delta(8), ZSTD(1)),
    ms          Int64 CODEC(DoubleDelta, ZSTD(1)),
    value       Float64 CODEC(Gorilla, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(fromUnixTimestamp64Milli(ms, 'UTC'))
ORDER BY (metric, fingerprint, ms)
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
