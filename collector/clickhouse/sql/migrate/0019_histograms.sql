-- Native histograms, as Prometheus has them: spans are pairs of an offset and a
-- length, counts are absolute, bounds are those of a histogram with bounds of its own
-- (schema -53). A sum that is Prometheus' stale marker ends the series.
CREATE TABLE IF NOT EXISTS histograms
(
    metric          LowCardinality(String),
    fingerprint     UInt64 CODEC(Delta(8), ZSTD(1)),
    ms              Int64 CODEC(DoubleDelta, ZSTD(1)),
    start_ms        Int64 CODEC(DoubleDelta, ZSTD(1)),
    reset           UInt8,
    schema          Int8,
    zero_threshold  Float64 CODEC(Gorilla, ZSTD(1)),
    zero_count      Float64 CODEC(Gorilla, ZSTD(1)),
    count           Float64 CODEC(Gorilla, ZSTD(1)),
    sum             Float64 CODEC(Gorilla, ZSTD(1)),
    positive_spans  Array(Int32) CODEC(ZSTD(1)),
    positive        Array(Float64) CODEC(ZSTD(1)),
    negative_spans  Array(Int32) CODEC(ZSTD(1)),
    negative        Array(Float64) CODEC(ZSTD(1)),
    bounds          Array(Float64) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(fromUnixTimestamp64Milli(ms, 'UTC'))
ORDER BY (metric, fingerprint, ms)
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
