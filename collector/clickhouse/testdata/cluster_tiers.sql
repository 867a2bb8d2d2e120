-- One row per key and second as sidecars report it. Rows with one key add up when
-- parts merge, so readers always sum. Destination first: a service's series is one
-- stretch per day: the live graph reads the newest parts only, which the minimum and
-- maximum time kept for each part (because the partition is made from it) prune.
CREATE TABLE IF NOT EXISTS `sightline`.`red_local` ON CLUSTER `main`
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
    bytes_out           SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toDate(time)
PRIMARY KEY (destination, time, source)
ORDER BY (destination, time, source, reporter, source_version, destination_version, instance, route, method, status, grpc_status, flags, protocol, mtls)
TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`red` ON CLUSTER `main` AS `sightline`.`red_local`
ENGINE = Distributed('main', 'sightline', 'red_local', cityHash64(destination));

-- The same rows per minute, for windows of an hour and more.
CREATE TABLE IF NOT EXISTS `sightline`.`red_1m_local` ON CLUSTER `main`
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
    bytes_out           SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toDate(time)
PRIMARY KEY (destination, time, source)
ORDER BY (destination, time, source, reporter, source_version, destination_version, instance, route, method, status, grpc_status, flags, protocol, mtls)
TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`red_1m` ON CLUSTER `main` AS `sightline`.`red_1m_local`
ENGINE = Distributed('main', 'sightline', 'red_1m_local', cityHash64(destination));

-- What a mesh knows of a request is typed columns: the rest of a span's attributes
-- keep their types in three maps. Service first beats a time bucket first for every
-- question but scans of all services.
CREATE TABLE IF NOT EXISTS `sightline`.`spans_local` ON CLUSTER `main`
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
    attributes     Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    numbers        Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    bools          Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    resource       Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    event_times    Array(DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    event_names    Array(LowCardinality(String)) CODEC(ZSTD(1)),
    event_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    link_trace_ids Array(FixedString(16)) CODEC(ZSTD(1)),
    link_span_ids  Array(FixedString(8)) CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_value mapValues(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_duration duration TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedMergeTree
PARTITION BY toDate(start)
ORDER BY (service, toStartOfMinute(start), start)
TTL toDate(start) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(start) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`spans` ON CLUSTER `main` AS `sightline`.`spans_local`
ENGINE = Distributed('main', 'sightline', 'spans_local', cityHash64(trace_id));

-- Access rows of sidecars and log records of apps.
CREATE TABLE IF NOT EXISTS `sightline`.`logs_local` ON CLUSTER `main`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toDate(time)
ORDER BY (service, toStartOfMinute(time), time)
TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`logs` ON CLUSTER `main` AS `sightline`.`logs_local`
ENGINE = Distributed('main', 'sightline', 'logs_local', cityHash64(service, instance));

-- Values of metrics and of recording rules: ms is Unix milliseconds, as PromQL counts.
CREATE TABLE IF NOT EXISTS `sightline`.`samples_local` ON CLUSTER `main`
(
    metric      LowCardinality(String),
    fingerprint UInt64 CODEC(Delta(8), ZSTD(1)),
    ms          Int64 CODEC(DoubleDelta, ZSTD(1)),
    value       Float64 CODEC(Gorilla, ZSTD(1))
)
ENGINE = ReplicatedMergeTree
PARTITION BY toDate(fromUnixTimestamp64Milli(ms, 'UTC'))
ORDER BY (metric, fingerprint, ms)
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`samples` ON CLUSTER `main` AS `sightline`.`samples_local`
ENGINE = Distributed('main', 'sightline', 'samples_local', fingerprint);

-- Native histograms, as Prometheus has them: spans are pairs of an offset and a
-- length, counts are absolute, bounds are those of a histogram with bounds of its own
-- (schema -53). A sum that is Prometheus' stale marker ends the series.
CREATE TABLE IF NOT EXISTS `sightline`.`histograms_local` ON CLUSTER `main`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toDate(fromUnixTimestamp64Milli(ms, 'UTC'))
ORDER BY (metric, fingerprint, ms)
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`histograms` ON CLUSTER `main` AS `sightline`.`histograms_local`
ENGINE = Distributed('main', 'sightline', 'histograms_local', fingerprint);

-- Single observations that a series counted, and what each was: most often its trace.
CREATE TABLE IF NOT EXISTS `sightline`.`exemplars_local` ON CLUSTER `main`
(
    metric      LowCardinality(String),
    fingerprint UInt64 CODEC(Delta(8), ZSTD(1)),
    ms          Int64 CODEC(DoubleDelta, ZSTD(1)),
    value       Float64 CODEC(ZSTD(1)),
    labels      Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = ReplicatedMergeTree
PARTITION BY toDate(fromUnixTimestamp64Milli(ms, 'UTC'))
ORDER BY (metric, fingerprint, ms)
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`exemplars` ON CLUSTER `main` AS `sightline`.`exemplars_local`
ENGINE = Distributed('main', 'sightline', 'exemplars_local', fingerprint);

-- The spans of a trace lie together, so that their ids, parents and attributes compress, and
-- a trace is read from a granule or two. The primary key ends before start: with start in
-- it, conditions on start would ask for that alone, and no granule would be left out by its
-- minute. Of a service, and of what failed, by_service leaves out the granules without any.
CREATE TABLE IF NOT EXISTS `sightline`.`spans_by_time_local` ON CLUSTER `main`
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
ENGINE = ReplicatedMergeTree
PARTITION BY toDate(start)
PRIMARY KEY (toStartOfMinute(start), trace_id)
ORDER BY (toStartOfMinute(start), trace_id, start)
TTL toDate(start) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(start) + INTERVAL 7 DAY
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`spans_by_time` ON CLUSTER `main` AS `sightline`.`spans_by_time_local`
ENGINE = Distributed('main', 'sightline', 'spans_by_time_local', cityHash64(trace_id));

-- What callers did to their callees by the second, time first, so that the graph of any few
-- minutes reads these alone: in red they lie apart, by destination. Requests that are
-- reported by both ends are here as their source saw them.
CREATE TABLE IF NOT EXISTS `sightline`.`edges_local` ON CLUSTER `main`
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
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toDate(time)
PRIMARY KEY time
ORDER BY (time, source, destination, reporter, source_version, destination_version, instance, flags, protocol, mtls)
TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 7 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`edges` ON CLUSTER `main` AS `sightline`.`edges_local`
ENGINE = Distributed('main', 'sightline', 'edges_local');

-- The same by the minute, for windows of minutes and of hours.
CREATE TABLE IF NOT EXISTS `sightline`.`edges_1m_local` ON CLUSTER `main`
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
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toDate(time)
PRIMARY KEY time
ORDER BY (time, source, destination, reporter, source_version, destination_version, instance, flags, protocol, mtls)
TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 90 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000, storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

CREATE TABLE IF NOT EXISTS `sightline`.`edges_1m` ON CLUSTER `main` AS `sightline`.`edges_1m_local`
ENGINE = Distributed('main', 'sightline', 'edges_1m_local');

ALTER TABLE `sightline`.`red_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`red_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`red_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`red_1m_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`red_1m_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 90 DAY;

ALTER TABLE `sightline`.`red_1m_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 90 DAY;

ALTER TABLE `sightline`.`spans_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`spans_local` ON CLUSTER `main` MODIFY TTL toDate(start) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(start) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`spans_local` ON CLUSTER `main` MODIFY TTL toDate(start) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`logs_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`logs_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`logs_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`samples_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`samples_local` ON CLUSTER `main` MODIFY TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY;

ALTER TABLE `sightline`.`samples_local` ON CLUSTER `main` MODIFY TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY;

ALTER TABLE `sightline`.`histograms_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`histograms_local` ON CLUSTER `main` MODIFY TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY;

ALTER TABLE `sightline`.`histograms_local` ON CLUSTER `main` MODIFY TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY;

ALTER TABLE `sightline`.`exemplars_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`exemplars_local` ON CLUSTER `main` MODIFY TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`exemplars_local` ON CLUSTER `main` MODIFY TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`spans_by_time_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`spans_by_time_local` ON CLUSTER `main` MODIFY TTL toDate(start) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(start) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`spans_by_time_local` ON CLUSTER `main` MODIFY TTL toDate(start) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`edges_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`edges_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`edges_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 7 DAY;

ALTER TABLE `sightline`.`edges_1m_local` ON CLUSTER `main` MODIFY SETTING storage_policy = 'tiered', materialize_ttl_recalculate_only = 1;

ALTER TABLE `sightline`.`edges_1m_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 72 HOUR TO VOLUME 'cold', toDate(time) + INTERVAL 90 DAY;

ALTER TABLE `sightline`.`edges_1m_local` ON CLUSTER `main` MODIFY TTL toDate(time) + INTERVAL 90 DAY;
