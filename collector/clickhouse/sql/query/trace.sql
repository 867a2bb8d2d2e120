-- The index bounds the time, and so the partitions and granules that are read. A trace
-- has one row in it per day and part.
WITH toFixedString(unhex({trace_id:String}), 16) AS wanted
SELECT
    lower(hex(trace_id)), lower(hex(span_id)), lower(hex(parent_id)), trace_state,
    name, toString(kind), service, namespace, version, instance, mesh, scope,
    start, duration, toString(status), status_message,
    peer, peer_version, peer_instance, peer_identity,
    route, method, path, http_status, grpc_status, flags, reason, generated_by,
    attempts, protocol, mtls, config_version, request_id,
    attributes, numbers, bools, resource,
    event_times, event_names, event_attributes,
    arrayMap(x -> lower(hex(x)), link_trace_ids), arrayMap(x -> lower(hex(x)), link_span_ids)
FROM spans
WHERE trace_id = wanted
    AND start >= (SELECT min(trace_index.start) FROM trace_index WHERE trace_id = wanted)
    AND start <= (SELECT max(finish) FROM trace_index WHERE trace_id = wanted)
ORDER BY start, span_id
LIMIT {limit:UInt32}
