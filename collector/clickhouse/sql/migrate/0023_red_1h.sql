-- The same rows per hour, for windows of a day and more: of them there are few enough to
-- be kept for a year.
CREATE TABLE IF NOT EXISTS red_1h
(
    time                DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    reporter            LowCardinality(String),
    source              LowCardinality(String),
    source_version      LowCardinality(String),
    destination         LowCardinality(String),
    destination_version LowCardinality(String),
    instance            LowCardinality(String),
    route               LowCardinality(String),
    method              LowCardinality(String),
    status              UInt16,
    grpc_status         Int16,
    flags               LowCardinality(String),
    protocol            LowCardinality(String),
    mtls                Bool,
    requests            SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    failed              SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    duration_sum        SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    buckets             SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) CODEC(ZSTD(1)),
    bytes_in            SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_out           SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    opened              SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (destination, time, source)
ORDER BY (destination, time, source, reporter, source_version, destination_version, instance, route, method, status, grpc_status, flags, protocol, mtls)
TTL toDate(time) + INTERVAL 13 MONTH
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
