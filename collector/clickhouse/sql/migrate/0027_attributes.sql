-- What attributes without a column rows have, for lists to choose from: short ones without
-- a scan of rows. Of each key of a service and quarter of an hour a hundred values are
-- kept, so that one that only identifies takes no more room than others.
CREATE TABLE IF NOT EXISTS attributes
(
    bucket  DateTime('UTC'),
    rows_of Enum8('spans' = 1, 'logs' = 2),
    scope   Enum8('span' = 1, 'resource' = 2),
    key     LowCardinality(String),
    kind    Enum8('string' = 1, 'number' = 2, 'bool' = 3),
    service LowCardinality(String),
    seen    SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    texts   SimpleAggregateFunction(groupUniqArrayArray(100), Array(String)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(bucket)
ORDER BY (rows_of, key, scope, kind, bucket, service)
TTL toDate(bucket) + INTERVAL 7 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
