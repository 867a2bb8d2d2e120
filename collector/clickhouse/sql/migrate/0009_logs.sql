-- Access rows of sidecars and log records of apps.
CREATE TABLE IF NOT EXISTS logs
(
    time            DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id        FixedString(16) CODEC(ZSTD(1)),
    span_id         FixedString(8) CODEC(ZSTD(1)),
    service         LowCardinality(String),
    namespace       LowCardinality(String),
    version         LowCardinality(String),
    instance        LowCardinality(String),
    access          Bool,
    scope           LowCardinality(String),
    event           LowCardinality(String),
    severity        LowCardinality(String),
    severity_number UInt8,
    body            String CODEC(ZSTD(1)),
    reporter        LowCardinality(String),
    peer            LowCardinality(String),
    peer_version    LowCardinality(String),
    peer_instance   LowCardinality(String),
    peer_identity   LowCardinality(String),
    route           LowCardinality(String),
    method          LowCardinality(String),
    path            String CODEC(ZSTD(1)),
    authority       LowCardinality(String),
    status          UInt16,
    grpc_status     Int16,
    flags           LowCardinality(String),
    reason          String CODEC(ZSTD(1)),
    generated_by    LowCardinality(String),
    attempts        UInt16,
    tries           String CODEC(ZSTD(1)),
    protocol        LowCardinality(String),
    mtls            Bool,
    config_version  UInt64 CODEC(T64, ZSTD(1)),
    duration_ms     Float64 CODEC(ZSTD(1)),
    first_byte_ms   Float64 CODEC(ZSTD(1)),
    bytes_in        UInt64 CODEC(T64, ZSTD(1)),
    bytes_out       UInt64 CODEC(T64, ZSTD(1)),
    request_id      String CODEC(ZSTD(1)),
    user_agent      LowCardinality(String),
    attributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    numbers         Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    bools           Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    resource        Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_word lower(body) TYPE tokenbf_v1(16384, 3, 0) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (service, toStartOfMinute(time), time)
TTL toDate(time) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
