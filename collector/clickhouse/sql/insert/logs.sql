INSERT INTO logs (
    time, trace_id, span_id, service, namespace, version, instance, access, scope, event, severity,
    severity_number, body, reporter, peer, peer_version, peer_instance, peer_identity, route,
    method, path, authority, status, grpc_status, flags, reason, generated_by, attempts, tries,
    protocol, mtls, config_version, duration_ms, first_byte_ms, bytes_in, bytes_out, request_id,
    user_agent, attributes, numbers, bools, resource
)
