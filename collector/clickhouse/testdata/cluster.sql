-- What was applied to this database, and when.
CREATE TABLE IF NOT EXISTS `sightline`.`migrations_local` ON CLUSTER `main`
(
    version UInt32,
    name    String,
    applied DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplicatedReplacingMergeTree(applied)
ORDER BY version;

CREATE TABLE IF NOT EXISTS `sightline`.`migrations` ON CLUSTER `main` AS `sightline`.`migrations_local`
ENGINE = Distributed('main', 'sightline', 'migrations_local', version);

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
TTL toDate(time) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

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
TTL toDate(time) + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`red_1m` ON CLUSTER `main` AS `sightline`.`red_1m_local`
ENGINE = Distributed('main', 'sightline', 'red_1m_local', cityHash64(destination));

CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`red_to_1m` ON CLUSTER `main` TO `sightline`.`red_1m_local` AS
SELECT
    toStartOfMinute(time) AS time,
    reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sumMap(buckets) AS buckets,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out
FROM `sightline`.`red_local` AS red
GROUP BY
    time, reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls;

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
TTL toDate(start) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`spans` ON CLUSTER `main` AS `sightline`.`spans_local`
ENGINE = Distributed('main', 'sightline', 'spans_local', cityHash64(trace_id));

-- One row per trace and day after merging, several before: readers group again. The
-- root is the least of (has a parent, start, service, name): the earliest span
-- without a parent, or the earliest of all while the true root has not come.
CREATE TABLE IF NOT EXISTS `sightline`.`trace_index_local` ON CLUSTER `main`
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
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY day
ORDER BY trace_id
TTL day + INTERVAL 7 DAY
SETTINGS index_granularity = 512, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`trace_index` ON CLUSTER `main` AS `sightline`.`trace_index_local`
ENGINE = Distributed('main', 'sightline', 'trace_index_local', cityHash64(trace_id));

CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`spans_to_trace_index` ON CLUSTER `main` TO `sightline`.`trace_index_local` AS
SELECT
    trace_id,
    toDate(spans.start) AS day,
    min(spans.start) AS start,
    max(spans.start + toIntervalNanosecond(duration)) AS finish,
    min((toUInt8(parent_id != toFixedString('', 8)), spans.start, toString(service), toString(name))) AS root,
    toUInt64(count()) AS spans,
    toUInt64(countIf(status = 'error')) AS errors,
    groupUniqArray(toString(service)) AS services
FROM `sightline`.`spans_local` AS spans
GROUP BY trace_id, day;

-- What services did per hour: short lists without a scan of spans. The key holds the
-- name, so that a merge never loses one.
CREATE TABLE IF NOT EXISTS `sightline`.`operations_local` ON CLUSTER `main`
(
    hour    DateTime('UTC'),
    service LowCardinality(String),
    kind    Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5),
    name    String CODEC(ZSTD(1)),
    spans   SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
)
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toDate(hour)
ORDER BY (service, hour, kind, name)
TTL toDate(hour) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`operations` ON CLUSTER `main` AS `sightline`.`operations_local`
ENGINE = Distributed('main', 'sightline', 'operations_local');

CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`spans_to_operations` ON CLUSTER `main` TO `sightline`.`operations_local` AS
SELECT
    toStartOfHour(toDateTime(start, 'UTC')) AS hour,
    service,
    kind,
    toString(name) AS name,
    toUInt64(count()) AS spans
FROM `sightline`.`spans_local` AS spans
GROUP BY hour, service, kind, name;

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
TTL toDate(time) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`logs` ON CLUSTER `main` AS `sightline`.`logs_local`
ENGINE = Distributed('main', 'sightline', 'logs_local', cityHash64(service, instance));

-- The labels of each series of samples, once. day lets series that ended fall away
-- and bounds what a query over a range looks at.
CREATE TABLE IF NOT EXISTS `sightline`.`series_local` ON CLUSTER `main`
(
    metric      LowCardinality(String),
    fingerprint UInt64 CODEC(ZSTD(1)),
    day         Date,
    labels      Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY toMonday(day)
ORDER BY (metric, fingerprint, day)
TTL day + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`series` ON CLUSTER `main` AS `sightline`.`series_local`
ENGINE = Distributed('main', 'sightline', 'series_local', fingerprint);

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
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`samples` ON CLUSTER `main` AS `sightline`.`samples_local`
ENGINE = Distributed('main', 'sightline', 'samples_local', fingerprint);

-- The columns that Grafana and others know from the contrib exporter. A search by
-- TraceId alone reads much: bound it by Timestamp, from otel_traces_trace_id_ts.
CREATE VIEW IF NOT EXISTS `sightline`.`otel_traces` ON CLUSTER `main` AS
SELECT
    start AS Timestamp,
    lower(hex(trace_id)) AS TraceId,
    lower(hex(span_id)) AS SpanId,
    if(parent_id = toFixedString('', 8), '', lower(hex(parent_id))) AS ParentSpanId,
    trace_state AS TraceState,
    name AS SpanName,
    initcap(toString(kind)) AS SpanKind,
    service AS ServiceName,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), resource),
        mapFilter((k, v) -> v != '', map(
            'service.name', toString(service),
            'service.namespace', toString(namespace),
            'service.version', toString(version),
            'service.instance.id', toString(instance)))) AS ResourceAttributes,
    scope AS ScopeName,
    '' AS ScopeVersion,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), attributes),
        mapApply((k, v) -> (toString(k), toString(v)), numbers),
        mapApply((k, v) -> (toString(k), toString(v)), bools),
        mapFilter((k, v) -> v NOT IN ('', '0') AND NOT (k = 'rpc.grpc.status_code' AND v = '-1'), map(
            'sightline.peer.service', toString(peer),
            'sightline.peer.version', toString(peer_version),
            'sightline.peer.instance', toString(peer_instance),
            'sightline.peer.identity', toString(peer_identity),
            'sightline.route', toString(route),
            'sightline.flags', toString(flags),
            'sightline.reason', toString(reason),
            'sightline.generated_by', toString(generated_by),
            'sightline.attempts', toString(attempts),
            'sightline.config_version', toString(config_version),
            'sightline.request_id', request_id,
            'sightline.mtls', if(mesh, toString(mtls), ''),
            'http.request.method', toString(method),
            'url.path', path,
            'http.response.status_code', toString(http_status),
            'rpc.grpc.status_code', toString(grpc_status),
            'network.protocol.name', toString(protocol)))) AS SpanAttributes,
    duration AS Duration,
    initcap(toString(status)) AS StatusCode,
    status_message AS StatusMessage,
    event_times AS `Events.Timestamp`,
    event_names AS `Events.Name`,
    event_attributes AS `Events.Attributes`,
    arrayMap(x -> lower(hex(x)), link_trace_ids) AS `Links.TraceId`,
    arrayMap(x -> lower(hex(x)), link_span_ids) AS `Links.SpanId`
FROM `sightline`.`spans`;

CREATE VIEW IF NOT EXISTS `sightline`.`otel_traces_trace_id_ts` ON CLUSTER `main` AS
SELECT
    lower(hex(trace_id)) AS TraceId,
    toDateTime(start, 'UTC') AS Start,
    toDateTime(finish, 'UTC') AS End
FROM `sightline`.`trace_index`;

-- The columns that Grafana and others know from the contrib exporter.
CREATE VIEW IF NOT EXISTS `sightline`.`otel_logs` ON CLUSTER `main` AS
SELECT
    time AS Timestamp,
    toDateTime(time, 'UTC') AS TimestampTime,
    if(trace_id = toFixedString('', 16), '', lower(hex(trace_id))) AS TraceId,
    if(span_id = toFixedString('', 8), '', lower(hex(span_id))) AS SpanId,
    toUInt8(0) AS TraceFlags,
    severity AS SeverityText,
    severity_number AS SeverityNumber,
    service AS ServiceName,
    if(access, concat(toString(method), ' ', path, ' ', toString(status), ' ', toString(flags)), body) AS Body,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), resource),
        mapFilter((k, v) -> v != '', map(
            'service.name', toString(service),
            'service.namespace', toString(namespace),
            'service.version', toString(version),
            'service.instance.id', toString(instance)))) AS ResourceAttributes,
    scope AS ScopeName,
    event AS EventName,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), attributes),
        mapApply((k, v) -> (toString(k), toString(v)), numbers),
        mapApply((k, v) -> (toString(k), toString(v)), bools),
        mapFilter((k, v) -> v NOT IN ('', '0') AND NOT (k = 'rpc.grpc.status_code' AND v = '-1'), map(
            'sightline.reporter', toString(reporter),
            'sightline.peer.service', toString(peer),
            'sightline.peer.version', toString(peer_version),
            'sightline.peer.instance', toString(peer_instance),
            'sightline.route', toString(route),
            'sightline.flags', toString(flags),
            'sightline.reason', reason,
            'sightline.generated_by', toString(generated_by),
            'sightline.attempts', toString(attempts),
            'sightline.tries', tries,
            'sightline.request_id', request_id,
            'sightline.duration_ms', toString(duration_ms),
            'sightline.mtls', if(access, toString(mtls), ''),
            'http.request.method', toString(method),
            'url.path', path,
            'server.address', toString(authority),
            'http.response.status_code', toString(status),
            'rpc.grpc.status_code', toString(grpc_status),
            'http.request.body.size', toString(bytes_in),
            'http.response.body.size', toString(bytes_out),
            'network.protocol.name', toString(protocol),
            'user_agent.original', toString(user_agent)))) AS LogAttributes
FROM `sightline`.`logs`;

-- Streams that opened. A row may have nothing else: readers of requests leave it out.
ALTER TABLE `sightline`.`red_local` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS opened SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1));

ALTER TABLE `sightline`.`red` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS opened SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1));

ALTER TABLE `sightline`.`red_1m_local` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS opened SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1));

ALTER TABLE `sightline`.`red_1m` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS opened SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1));

-- Made anew, not by MODIFY QUERY: after that a server names the blocks of a view otherwise
-- than once it has loaded the view again at its next start, and a batch tried again across
-- that start would be counted twice.
CREATE OR REPLACE MATERIALIZED VIEW `sightline`.`red_to_1m` ON CLUSTER `main` TO `sightline`.`red_1m_local` AS
SELECT
    toStartOfMinute(time) AS time,
    reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sumMap(buckets) AS buckets,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out,
    sum(opened) AS opened
FROM `sightline`.`red_local` AS red
GROUP BY
    time, reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls;

-- Since when a counter has been counting, as Unix milliseconds (0 is not known).
ALTER TABLE `sightline`.`samples_local` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS start_ms Int64 CODEC(DoubleDelta, ZSTD(1));

ALTER TABLE `sightline`.`samples` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS start_ms Int64 CODEC(DoubleDelta, ZSTD(1));

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
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

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
TTL toDate(fromUnixTimestamp64Milli(ms, 'UTC')) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`exemplars` ON CLUSTER `main` AS `sightline`.`exemplars_local`
ENGINE = Distributed('main', 'sightline', 'exemplars_local', fingerprint);

-- What each metric is, as whoever sends it says, once a day.
CREATE TABLE IF NOT EXISTS `sightline`.`metadata_local` ON CLUSTER `main`
(
    metric LowCardinality(String),
    kind   LowCardinality(String),
    unit   LowCardinality(String),
    help   String CODEC(ZSTD(1)),
    day    Date
)
ENGINE = ReplicatedReplacingMergeTree
PARTITION BY toMonday(day)
ORDER BY (metric, kind, unit, help, day)
TTL day + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`metadata` ON CLUSTER `main` AS `sightline`.`metadata_local`
ENGINE = Distributed('main', 'sightline', 'metadata_local', cityHash64(metric));

-- Conditions on attributes that few spans have. An attribute may be in each of the maps,
-- so that each needs an index before one can drop a granule. A granule has few different
-- keys and values of resources, so that these cost next to nothing.
ALTER TABLE `sightline`.`spans_local` ON CLUSTER `main`
    ADD INDEX IF NOT EXISTS by_key mapKeys(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_number mapKeys(numbers) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_bool mapKeys(bools) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_resource_key mapKeys(resource) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_resource mapValues(resource) TYPE bloom_filter(0.01) GRANULARITY 1;

-- The same rows per hour, for windows of a day and more: of them there are few enough to
-- be kept for a year.
CREATE TABLE IF NOT EXISTS `sightline`.`red_1h_local` ON CLUSTER `main`
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
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (destination, time, source)
ORDER BY (destination, time, source, reporter, source_version, destination_version, instance, route, method, status, grpc_status, flags, protocol, mtls)
TTL toDate(time) + INTERVAL 13 MONTH
SETTINGS ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`red_1h` ON CLUSTER `main` AS `sightline`.`red_1h_local`
ENGINE = Distributed('main', 'sightline', 'red_1h_local', cityHash64(destination));

-- What is there already. The token has a migration that was cut off, and is begun anew,
-- store nothing twice: one thread reads the same blocks in the same order.
INSERT INTO `sightline`.`red_1h`
(
    time, reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls,
    requests, failed, duration_sum, buckets, bytes_in, bytes_out, opened
)
SELECT
    toStartOfHour(time) AS time,
    reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sumMap(buckets) AS buckets,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out,
    sum(opened) AS opened
FROM `sightline`.`red_1m`
GROUP BY
    time, reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'red_1h filled', max_threads = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`red_to_1h` ON CLUSTER `main` TO `sightline`.`red_1h_local` AS
SELECT
    toStartOfHour(time) AS time,
    reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sumMap(buckets) AS buckets,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out,
    sum(opened) AS opened
FROM `sightline`.`red_1m_local` AS red_1m
GROUP BY
    time, reporter, source, source_version, destination, destination_version, instance,
    route, method, status, grpc_status, flags, protocol, mtls;

-- Of how many spans a row is the one that a sampler kept: what counts spans adds this up.
ALTER TABLE `sightline`.`spans_local` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS weight Float32 DEFAULT 1 CODEC(ZSTD(1));

ALTER TABLE `sightline`.`spans` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS weight Float32 DEFAULT 1 CODEC(ZSTD(1));

-- What attributes without a column rows have, for lists to choose from: short ones without
-- a scan of rows. Of each key of a service and quarter of an hour a hundred values are
-- kept, so that one that only identifies takes no more room than others.
CREATE TABLE IF NOT EXISTS `sightline`.`attributes_local` ON CLUSTER `main`
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
ENGINE = ReplicatedAggregatingMergeTree
PARTITION BY toDate(bucket)
ORDER BY (rows_of, key, scope, kind, bucket, service)
TTL toDate(bucket) + INTERVAL 7 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`attributes` ON CLUSTER `main` AS `sightline`.`attributes_local`
ENGINE = Distributed('main', 'sightline', 'attributes_local', cityHash64(key));

-- Of an insert of many rows some five hundred are looked at, which costs about the same for
-- any number of rows. So of inserts of 5,000 to 50,000, of which there are many a second
-- when there is much, one in four is. Smaller ones are seldom, larger ones cost much more.
CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`spans_to_attributes` ON CLUSTER `main` TO `sightline`.`attributes_local` AS
SELECT
    toStartOfFifteenMinutes(toDateTime(spans.start, 'UTC')) AS bucket,
    'spans' AS rows_of,
    tupleElement(
        arrayJoin(arrayConcat(
            arrayMap(a -> ('span', toString(a.1), 'string', a.2), CAST(attributes, 'Array(Tuple(LowCardinality(String), String))')),
            arrayMap(a -> ('span', toString(a.1), 'number', toString(a.2)), CAST(numbers, 'Array(Tuple(LowCardinality(String), Float64))')),
            arrayMap(a -> ('span', toString(a.1), 'bool', toString(a.2)), CAST(bools, 'Array(Tuple(LowCardinality(String), Bool))')),
            arrayMap(a -> ('resource', toString(a.1), 'string', a.2), CAST(resource, 'Array(Tuple(LowCardinality(String), String))'))
        )) AS found, 1) AS scope,
    tupleElement(found, 2) AS key,
    tupleElement(found, 3) AS kind,
    spans.service AS service,
    toUInt64(count()) AS seen,
    groupUniqArrayIf(100)(tupleElement(found, 4), length(tupleElement(found, 4)) BETWEEN 1 AND 256) AS texts
FROM `sightline`.`spans_local` AS spans
WHERE randConstant() % if(blockSize() BETWEEN 5000 AND 50000, 4, 1) = 0
    AND rand() % greatest(1, intDiv(blockSize(), 500)) = 0
GROUP BY bucket, rows_of, scope, key, kind, service;

-- Of an insert of many rows some five hundred are looked at, which costs about the same for
-- any number of rows. So of inserts of 5,000 to 50,000, of which there are many a second
-- when there is much, one in four is. Smaller ones are seldom, larger ones cost much more.
CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`logs_to_attributes` ON CLUSTER `main` TO `sightline`.`attributes_local` AS
SELECT
    toStartOfFifteenMinutes(toDateTime(logs.time, 'UTC')) AS bucket,
    'logs' AS rows_of,
    tupleElement(
        arrayJoin(arrayConcat(
            arrayMap(a -> ('span', toString(a.1), 'string', a.2), CAST(attributes, 'Array(Tuple(LowCardinality(String), String))')),
            arrayMap(a -> ('span', toString(a.1), 'number', toString(a.2)), CAST(numbers, 'Array(Tuple(LowCardinality(String), Float64))')),
            arrayMap(a -> ('span', toString(a.1), 'bool', toString(a.2)), CAST(bools, 'Array(Tuple(LowCardinality(String), Bool))')),
            arrayMap(a -> ('resource', toString(a.1), 'string', a.2), CAST(resource, 'Array(Tuple(LowCardinality(String), String))'))
        )) AS found, 1) AS scope,
    tupleElement(found, 2) AS key,
    tupleElement(found, 3) AS kind,
    logs.service AS service,
    toUInt64(count()) AS seen,
    groupUniqArrayIf(100)(tupleElement(found, 4), length(tupleElement(found, 4)) BETWEEN 1 AND 256) AS texts
FROM `sightline`.`logs_local` AS logs
WHERE randConstant() % if(blockSize() BETWEEN 5000 AND 50000, 4, 1) = 0
    AND rand() % greatest(1, intDiv(blockSize(), 500)) = 0
GROUP BY bucket, rows_of, scope, key, kind, service;

-- What is there already, so far as it is of the last hour and ten seconds do. The token has
-- a migration that was cut off, and is begun anew, store nothing twice.
INSERT INTO `sightline`.`attributes`
(bucket, rows_of, scope, key, kind, service, seen, texts)
SELECT
    toStartOfFifteenMinutes(toDateTime(start, 'UTC')) AS bucket,
    'spans' AS rows_of,
    tupleElement(
        arrayJoin(arrayConcat(
            arrayMap(a -> ('span', toString(a.1), 'string', a.2), CAST(attributes, 'Array(Tuple(LowCardinality(String), String))')),
            arrayMap(a -> ('span', toString(a.1), 'number', toString(a.2)), CAST(numbers, 'Array(Tuple(LowCardinality(String), Float64))')),
            arrayMap(a -> ('span', toString(a.1), 'bool', toString(a.2)), CAST(bools, 'Array(Tuple(LowCardinality(String), Bool))')),
            arrayMap(a -> ('resource', toString(a.1), 'string', a.2), CAST(resource, 'Array(Tuple(LowCardinality(String), String))'))
        )) AS found, 1) AS scope,
    tupleElement(found, 2) AS key,
    tupleElement(found, 3) AS kind,
    service,
    toUInt64(count()) AS seen,
    groupUniqArrayIf(100)(tupleElement(found, 4), length(tupleElement(found, 4)) BETWEEN 1 AND 256) AS texts
FROM `sightline`.`spans`
WHERE start >= now() - INTERVAL 1 HOUR AND rand() % greatest(1, intDiv(blockSize(), 200)) = 0
GROUP BY bucket, rows_of, scope, key, kind, service
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'attributes of spans filled', max_execution_time = 10, timeout_overflow_mode = 'break';

-- What is there already, so far as it is of the last hour and ten seconds do. The token has
-- a migration that was cut off, and is begun anew, store nothing twice.
INSERT INTO `sightline`.`attributes`
(bucket, rows_of, scope, key, kind, service, seen, texts)
SELECT
    toStartOfFifteenMinutes(toDateTime(time, 'UTC')) AS bucket,
    'logs' AS rows_of,
    tupleElement(
        arrayJoin(arrayConcat(
            arrayMap(a -> ('span', toString(a.1), 'string', a.2), CAST(attributes, 'Array(Tuple(LowCardinality(String), String))')),
            arrayMap(a -> ('span', toString(a.1), 'number', toString(a.2)), CAST(numbers, 'Array(Tuple(LowCardinality(String), Float64))')),
            arrayMap(a -> ('span', toString(a.1), 'bool', toString(a.2)), CAST(bools, 'Array(Tuple(LowCardinality(String), Bool))')),
            arrayMap(a -> ('resource', toString(a.1), 'string', a.2), CAST(resource, 'Array(Tuple(LowCardinality(String), String))'))
        )) AS found, 1) AS scope,
    tupleElement(found, 2) AS key,
    tupleElement(found, 3) AS kind,
    service,
    toUInt64(count()) AS seen,
    groupUniqArrayIf(100)(tupleElement(found, 4), length(tupleElement(found, 4)) BETWEEN 1 AND 256) AS texts
FROM `sightline`.`logs`
WHERE time >= now() - INTERVAL 1 HOUR AND rand() % greatest(1, intDiv(blockSize(), 200)) = 0
GROUP BY bucket, rows_of, scope, key, kind, service
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'attributes of logs filled', max_execution_time = 10, timeout_overflow_mode = 'break';

-- The columns that Grafana and others know from the contrib exporter. A sidecar's row without a
-- request's id has its trace's.
CREATE OR REPLACE VIEW `sightline`.`otel_logs` ON CLUSTER `main` AS
SELECT
    time AS Timestamp,
    toDateTime(time, 'UTC') AS TimestampTime,
    if(trace_id = toFixedString('', 16), '', lower(hex(trace_id))) AS TraceId,
    if(span_id = toFixedString('', 8), '', lower(hex(span_id))) AS SpanId,
    toUInt8(0) AS TraceFlags,
    severity AS SeverityText,
    severity_number AS SeverityNumber,
    service AS ServiceName,
    if(access, concat(toString(method), ' ', path, ' ', toString(status), ' ', toString(flags)), body) AS Body,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), resource),
        mapFilter((k, v) -> v != '', map(
            'service.name', toString(service),
            'service.namespace', toString(namespace),
            'service.version', toString(version),
            'service.instance.id', toString(instance)))) AS ResourceAttributes,
    scope AS ScopeName,
    event AS EventName,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), attributes),
        mapApply((k, v) -> (toString(k), toString(v)), numbers),
        mapApply((k, v) -> (toString(k), toString(v)), bools),
        mapFilter((k, v) -> v NOT IN ('', '0') AND NOT (k = 'rpc.grpc.status_code' AND v = '-1'), map(
            'sightline.reporter', toString(reporter),
            'sightline.peer.service', toString(peer),
            'sightline.peer.version', toString(peer_version),
            'sightline.peer.instance', toString(peer_instance),
            'sightline.route', toString(route),
            'sightline.flags', toString(flags),
            'sightline.reason', reason,
            'sightline.generated_by', toString(generated_by),
            'sightline.attempts', toString(attempts),
            'sightline.tries', tries,
            'sightline.request_id', if(access AND request_id = '' AND trace_id != toFixedString('', 16),
                replaceRegexpOne(lower(hex(trace_id)), '^(.{8})(.{4})(.{4})(.{4})', '\\1-\\2-\\3-\\4-'), request_id),
            'sightline.duration_ms', toString(duration_ms),
            'sightline.mtls', if(access, toString(mtls), ''),
            'http.request.method', toString(method),
            'url.path', path,
            'server.address', toString(authority),
            'http.response.status_code', toString(status),
            'rpc.grpc.status_code', toString(grpc_status),
            'http.request.body.size', toString(bytes_in),
            'http.response.body.size', toString(bytes_out),
            'network.protocol.name', toString(protocol),
            'user_agent.original', toString(user_agent)))) AS LogAttributes
FROM `sightline`.`logs`;

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
TTL toDate(start) + INTERVAL 7 DAY
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`spans_by_time` ON CLUSTER `main` AS `sightline`.`spans_by_time_local`
ENGINE = Distributed('main', 'sightline', 'spans_by_time_local', cityHash64(trace_id));

CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`spans_by_time_to_trace_index` ON CLUSTER `main` TO `sightline`.`trace_index_local` AS
SELECT
    trace_id,
    toDate(spans_by_time.start) AS day,
    min(spans_by_time.start) AS start,
    max(spans_by_time.start + toIntervalNanosecond(duration)) AS finish,
    min((toUInt8(parent_id != toFixedString('', 8)), spans_by_time.start, toString(service), toString(name))) AS root,
    toUInt64(count()) AS spans,
    toUInt64(countIf(status = 'error')) AS errors,
    groupUniqArray(toString(service)) AS services
FROM `sightline`.`spans_by_time_local` AS spans_by_time
GROUP BY trace_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`spans_by_time_to_operations` ON CLUSTER `main` TO `sightline`.`operations_local` AS
SELECT
    toStartOfHour(toDateTime(start, 'UTC')) AS hour,
    service,
    kind,
    toString(name) AS name,
    toUInt64(count()) AS spans
FROM `sightline`.`spans_by_time_local` AS spans_by_time
GROUP BY hour, service, kind, name;

-- Of an insert of many rows some five hundred are looked at, which costs about the same for
-- any number of rows. So of inserts of 5,000 to 50,000, of which there are many a second
-- when there is much, one in four is. Smaller ones are seldom, larger ones cost much more.
CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`spans_by_time_to_attributes` ON CLUSTER `main` TO `sightline`.`attributes_local` AS
SELECT
    toStartOfFifteenMinutes(toDateTime(spans_by_time.start, 'UTC')) AS bucket,
    'spans' AS rows_of,
    tupleElement(
        arrayJoin(arrayConcat(
            arrayMap(a -> ('span', toString(a.1), 'string', a.2), CAST(attributes, 'Array(Tuple(LowCardinality(String), String))')),
            arrayMap(a -> ('span', toString(a.1), 'number', toString(a.2)), CAST(numbers, 'Array(Tuple(LowCardinality(String), Float64))')),
            arrayMap(a -> ('span', toString(a.1), 'bool', toString(a.2)), CAST(bools, 'Array(Tuple(LowCardinality(String), Bool))')),
            arrayMap(a -> ('resource', toString(a.1), 'string', a.2), CAST(resource, 'Array(Tuple(LowCardinality(String), String))'))
        )) AS found, 1) AS scope,
    tupleElement(found, 2) AS key,
    tupleElement(found, 3) AS kind,
    spans_by_time.service AS service,
    toUInt64(count()) AS seen,
    groupUniqArrayIf(100)(tupleElement(found, 4), length(tupleElement(found, 4)) BETWEEN 1 AND 256) AS texts
FROM `sightline`.`spans_by_time_local` AS spans_by_time
WHERE randConstant() % if(blockSize() BETWEEN 5000 AND 50000, 4, 1) = 0
    AND rand() % greatest(1, intDiv(blockSize(), 500)) = 0
GROUP BY bucket, rows_of, scope, key, kind, service;

-- The spans that are sorted by time, and those that an earlier version stored by service: into
-- that table nothing is written any more, and after a week it is empty.
CREATE TABLE IF NOT EXISTS `sightline`.`all_spans_local` ON CLUSTER `main` AS `sightline`.`spans_by_time_local`
ENGINE = Merge('sightline', '^spans(_by_time)?_local$');

CREATE TABLE IF NOT EXISTS `sightline`.`all_spans` ON CLUSTER `main` AS `sightline`.`all_spans_local`
ENGINE = Distributed('main', 'sightline', 'all_spans_local');

-- The columns that Grafana and others know from the contrib exporter. A search by
-- TraceId alone reads much: bound it by Timestamp, from otel_traces_trace_id_ts.
CREATE OR REPLACE VIEW `sightline`.`otel_traces` ON CLUSTER `main` AS
SELECT
    start AS Timestamp,
    lower(hex(trace_id)) AS TraceId,
    lower(hex(span_id)) AS SpanId,
    if(parent_id = toFixedString('', 8), '', lower(hex(parent_id))) AS ParentSpanId,
    trace_state AS TraceState,
    name AS SpanName,
    initcap(toString(kind)) AS SpanKind,
    service AS ServiceName,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), resource),
        mapFilter((k, v) -> v != '', map(
            'service.name', toString(service),
            'service.namespace', toString(namespace),
            'service.version', toString(version),
            'service.instance.id', toString(instance)))) AS ResourceAttributes,
    scope AS ScopeName,
    '' AS ScopeVersion,
    mapConcat(
        mapApply((k, v) -> (toString(k), v), attributes),
        mapApply((k, v) -> (toString(k), toString(v)), numbers),
        mapApply((k, v) -> (toString(k), toString(v)), bools),
        mapFilter((k, v) -> v NOT IN ('', '0') AND NOT (k = 'rpc.grpc.status_code' AND v = '-1'), map(
            'sightline.peer.service', toString(peer),
            'sightline.peer.version', toString(peer_version),
            'sightline.peer.instance', toString(peer_instance),
            'sightline.peer.identity', toString(peer_identity),
            'sightline.route', toString(route),
            'sightline.flags', toString(flags),
            'sightline.reason', toString(reason),
            'sightline.generated_by', toString(generated_by),
            'sightline.attempts', toString(attempts),
            'sightline.config_version', toString(config_version),
            'sightline.request_id', request_id,
            'sightline.mtls', if(mesh, toString(mtls), ''),
            'http.request.method', toString(method),
            'url.path', path,
            'http.response.status_code', toString(http_status),
            'rpc.grpc.status_code', toString(grpc_status),
            'network.protocol.name', toString(protocol)))) AS SpanAttributes,
    duration AS Duration,
    initcap(toString(status)) AS StatusCode,
    status_message AS StatusMessage,
    event_times AS `Events.Timestamp`,
    event_names AS `Events.Name`,
    event_attributes AS `Events.Attributes`,
    arrayMap(x -> lower(hex(x)), link_trace_ids) AS `Links.TraceId`,
    arrayMap(x -> lower(hex(x)), link_span_ids) AS `Links.SpanId`
FROM `sightline`.`all_spans`;

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
TTL toDate(time) + INTERVAL 7 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`edges` ON CLUSTER `main` AS `sightline`.`edges_local`
ENGINE = Distributed('main', 'sightline', 'edges_local');

-- Rows of one key need no GROUP BY here: the table adds them up as they are inserted.
CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`red_to_edges` ON CLUSTER `main` TO `sightline`.`edges_local` AS
SELECT
    time,
    reporter, source, source_version, destination, destination_version, instance,
    flags, protocol, mtls,
    requests, failed, duration_sum, buckets, bytes_in, bytes_out
FROM `sightline`.`red_local` AS red
WHERE requests > 0 AND (reporter != 'destination' OR source = '');

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
TTL toDate(time) + INTERVAL 90 DAY
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`edges_1m` ON CLUSTER `main` AS `sightline`.`edges_1m_local`
ENGINE = Distributed('main', 'sightline', 'edges_1m_local');

CREATE MATERIALIZED VIEW IF NOT EXISTS `sightline`.`edges_to_1m` ON CLUSTER `main` TO `sightline`.`edges_1m_local` AS
SELECT
    toStartOfMinute(time) AS time,
    reporter, source, source_version, destination, destination_version, instance,
    flags, protocol, mtls,
    sum(requests) AS requests,
    sum(failed) AS failed,
    sum(duration_sum) AS duration_sum,
    sumMap(buckets) AS buckets,
    sum(bytes_in) AS bytes_in,
    sum(bytes_out) AS bytes_out
FROM `sightline`.`edges_local` AS edges
GROUP BY
    time, reporter, source, source_version, destination, destination_version, instance,
    flags, protocol, mtls;

-- Since when edges and edges_1m have all rows, and since ever where there is no row here.
-- What was stored before is in red and red_1m, which are read for it as long as it is kept:
-- to copy a week of seconds would take the first start after an upgrade minutes.
CREATE TABLE IF NOT EXISTS `sightline`.`edges_since_local` ON CLUSTER `main`
(
    time DateTime('UTC')
)
ENGINE = ReplicatedMergeTree
ORDER BY time
SETTINGS replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS `sightline`.`edges_since` ON CLUSTER `main` AS `sightline`.`edges_since_local`
ENGINE = Distributed('main', 'sightline', 'edges_since_local', toUnixTimestamp(time));

-- Two minutes are for clocks of sidecars that are ahead.
INSERT INTO `sightline`.`edges_since`
(
    time
)
SELECT toStartOfMinute(now()) + INTERVAL 3 MINUTE AS time
FROM `sightline`.`red`
HAVING count() > 0
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'edges since';

-- A search reads some rows each of many traces, in granules far apart. With blocks of the
-- usual 64 KiB a row of a granule brings those of ten others to be decompressed, a column
-- of small values a hundred: smaller ones halve the time, and take a 35th more room.
ALTER TABLE `sightline`.`trace_index_local` ON CLUSTER `main` MODIFY SETTING min_compress_block_size = 4096;
