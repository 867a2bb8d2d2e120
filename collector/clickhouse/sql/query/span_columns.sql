-- A span as scanSpan reads it.
    lower(hex(trace_id)), lower(hex(span_id)), lower(hex(parent_id)), trace_state,
    name, toString(kind), service, namespace, version, instance, mesh, scope,
    start, duration, toString(status), status_message,
    peer, peer_version, peer_instance, peer_identity,
    route, method, path, http_status, grpc_status, flags, reason, generated_by,
    attempts, protocol, mtls, config_version, request_id,
    attributes, numbers, bools, resource,
    event_times, event_names, event_attributes,
    arrayMap(x -> lower(hex(x)), link_trace_ids), arrayMap(x -> lower(hex(x)), link_span_ids)
