INSERT INTO spans_by_time (
    trace_id, span_id, parent_id, trace_state, name, kind, mesh, scope, start, duration, status,
    status_message, failed, weight, event_times, event_names, event_attributes, link_trace_ids, link_span_ids, request_id,
    service, namespace, version, instance, peer, peer_version, peer_instance, peer_identity, route,
    method, path, http_status, grpc_status, flags, reason, generated_by, attempts, protocol, mtls,
    config_version, attributes, numbers, bools, resource
)
