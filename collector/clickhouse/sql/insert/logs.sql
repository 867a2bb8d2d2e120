INSERT INTO logs (
    time, trace_id, span_id, access, scope, event, severity, severity_number, body, reporter, authority,
    tries, duration_ms, first_byte_ms, bytes_in, bytes_out, user_agent, request_id,
    service, namespace, version, instance, peer, peer_version, peer_instance, peer_identity, route,
    method, path, status, grpc_status, flags, reason, generated_by, attempts, protocol, mtls,
    config_version, attributes, numbers, bools, resource
)
