-- One row per trace and day after merging, several before: readers group again. The
-- root is the least of (has a parent, start, service, name): the earliest span
-- without a parent, or the earliest of all while the true root has not come.
CREATE TABLE IF NOT EXISTS trace_index
(
    trace_id FixedString(16) CODEC(ZSTD(1)),
    day      Date,
    start    SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    finish   SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    root     SimpleAggregateFunction(min, Tuple(has_parent UInt8, start DateTime64(9, 'UTC'), service String, name String)) CODEC(ZSTD(1)),
    spans    SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    errors   SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    services SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY day
ORDER BY trace_id
TTL day + INTERVAL 7 DAY
SETTINGS index_granularity = 512, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
