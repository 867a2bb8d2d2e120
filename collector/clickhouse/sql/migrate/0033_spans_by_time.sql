-- The spans of a trace lie together, so that their ids, parents and attributes compress, and
-- a trace is read from a granule or two. The primary key ends before start: with start in
-- it, conditions on start would ask for that alone, and no granule would be left out by its
-- minute. Of a service, and of what failed, by_service leaves out the granules without any.
CREATE TABLE IF NOT EXISTS spans_by_time
(
    trace_id       FixedString(16) CODEC(ZSTD(1)),
    span_id        FixedString(8) CODEC(ZSTD(1)),
    parent_id      FixedString(8) CODEC(ZSTD(1)),
    trace_state    String CODEC(ZSTD(1)),
    name           LowCardinality(String),
    kind           Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    service        LowCardinality(String),
    namespace      LowCardinality(String),
    version        LowCardinality(String),
    instance       LowCardinality(String),
    mesh           Bool,
    scope          LowCardinality(String),
    start          DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration       UInt64 CODEC(T64, ZSTD(1)),
    status         Enum8('unset' = 0, 'ok' = 1, 'error' = 2),
    status_message String CODEC(ZSTD(1)),
    failed         Bool,
    peer           LowCardinality(String),
    peer_version   LowCardinality(String),
    peer_instance  LowCardinality(String),
    peer_identity  LowCardinality(String),
    route          LowCardinality(String),
    method         LowCardinality(String),
    path           String CODEC(ZSTD(1)),
    http_status    UInt16,
    grpc_status    Int16,
    flags          LowCardinality(String),
    reason         LowCardinality(String),
    generated_by   LowCardinality(String),
    attempts       UInt16,
    protocol       LowCardinality(String),
    mtls           Bool,
    config_version UInt64 CODEC(T64, ZSTD(1)),
    request_id     String CODEC(ZSTD(1)),
    attributes     Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    numbers        Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    bools          Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    resource       Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    event_times    Array(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    event_names    Array(LowCardinality(String)) CODEC(ZSTD(1)),
    event_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    link_trace_ids Array(FixedString(16)) CODEC(ZSTD(1)),
    link_span_ids  Array(FixedString(8)) CODEC(ZSTD(1)),
    weight         Float32 DEFAULT 1 CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_service (service, http_status, status) TYPE set(1000) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_value mapValues(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_duration duration TYPE minmax GRANULARITY 1,
    INDEX by_key mapKeys(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_number mapKeys(numbers) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_bool mapKeys(bools) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_resource_key mapKeys(resource) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_resource mapValues(resource) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(start)
PRIMARY KEY (toStartOfMinute(start), trace_id)
ORDER BY (toStartOfMinute(start), trace_id, start)
TTL toDate(start) + INTERVAL 7 DAY
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
