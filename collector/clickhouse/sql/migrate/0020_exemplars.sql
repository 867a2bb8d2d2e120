-- Single observations that a series counted, and what each was: most often its trace.
CREATE TABLE IF NOT EXISTS exemplars
(
    metric      LowCardinality(String),
    fingerprint UInt64 CODEC(Delta(8), ZSTD(1)),
    ms          Int64 CODEC(DoubleDelta, ZSTD(1)),
    value       Float64 CODEC(ZSTD(1)),
    labels      Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(fromUnixTimestamp64Milli(ms, 'UTC'))
ORDER BY (metric, fingerprint, ms)
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
