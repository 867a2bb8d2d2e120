-- The same by the minute, for windows of minutes and of hours.
CREATE TABLE IF NOT EXISTS edges_1m
(
    time                DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    reporter            LowCardinality(String),
    source              LowCardinality(String),
    source_version      LowCardinality(String),
    destination         LowCardinality(String),
    destination_version LowCardinality(String),
    instance            LowCardinality(String),
    flags               LowCardinality(String),
    protocol            LowCardinality(String),
    mtls                Bool,
    requests            SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    failed              SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    duration_sum        SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    buckets             SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) CODEC(ZSTD(1)),
    bytes_in            SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_out           SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(time)
PRIMARY KEY time
ORDER BY (time, source, destination, reporter, source_version, destination_version, instance, flags, protocol, mtls)
TTL toDate(time) + INTERVAL 90 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
