-- What services did per hour: short lists without a scan of spans. The key holds the
-- name, so that a merge never loses one.
CREATE TABLE IF NOT EXISTS operations
(
    hour    DateTime('UTC'),
    service LowCardinality(String),
    kind    Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    name    String CODEC(ZSTD(1)),
    spans   SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (service, hour, kind, name)
TTL toDate(hour) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
