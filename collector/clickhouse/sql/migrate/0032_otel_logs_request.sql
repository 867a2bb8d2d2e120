-- The columns that Grafana and others know from the contrib exporter. A sidecar's row without a
-- request's id has its trace's.
CREATE OR REPLACE VIEW otel_logs AS
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
FROM logs
