-- One span must meet every condition on spans. Conditions on the whole trace, the
-- order and the cursor look at the index, whose several rows per trace are grouped.
WITH
    fromUnixTimestamp64Nano({start:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Nano({end:Int64}, 'UTC') AS until
SELECT
    lower(hex(trace_id)) AS id,
    min(trace_index.start) AS began,
    max(finish) AS ended,
    tupleElement(min(root), 'service') AS root_service,
    tupleElement(min(root), 'name') AS root_name,
    sum(spans) AS span_count,
    sum(errors) AS error_count,
    arraySort(groupUniqArrayArray(services)) AS all_services
FROM trace_index
WHERE day >= toDate(since) - 1 AND day <= toDate(until) + 1
    AND trace_id IN (
        SELECT trace_id
        FROM spans
        WHERE spans.start >= since AND spans.start < until
            AND ({service:String} = '' OR service = {service:String})
            AND duration >= {min_duration:UInt64}
            AND ({service:String} = '' OR duration <= {max_duration:UInt64})
            AND ({status:String} != 'error' OR status = 'error')
            AND ({code:Int32} < 0
                OR (http_status = {code:Int32} AND (http_status != 0 OR (mesh AND kind IN ('client', 'server')))))
            AND ({text:String} = ''
                OR positionCaseInsensitive(name, {text:String}) > 0
                OR positionCaseInsensitive(path, {text:String}) > 0
                OR request_id = {text:String})
            AND ({key:String} = ''
                OR (attributes[{key:String}] = {value:String} AND mapContains(attributes, {key:String}))
                OR (resource[{key:String}] = {value:String} AND mapContains(resource, {key:String}))
                OR (numbers[{key:String}] = toFloat64OrNull({value:String}) AND mapContains(numbers, {key:String}))
                OR (toString(bools[{key:String}]) = {value:String} AND mapContains(bools, {key:String}))
                OR ({key:String} = 'service.name' AND service = {value:String})
                OR ({key:String} = 'service.version' AND version = {value:String})
                OR ({key:String} = 'service.instance.id' AND instance = {value:String})
                OR ({key:String} = 'service.namespace' AND namespace = {value:String})
                OR ({key:String} = 'sightline.peer.service' AND peer = {value:String})
                OR ({key:String} = 'sightline.peer.version' AND peer_version = {value:String})
                OR ({key:String} = 'sightline.peer.instance' AND peer_instance = {value:String})
                OR ({key:String} = 'sightline.peer.identity' AND peer_identity = {value:String})
                OR ({key:String} = 'sightline.route' AND route = {value:String})
                OR ({key:String} = 'sightline.reason' AND reason = {value:String})
                OR ({key:String} = 'sightline.generated_by' AND generated_by = {value:String})
                OR ({key:String} = 'sightline.request_id' AND request_id = {value:String})
                OR ({key:String} = 'sightline.config_version' AND toString(config_version) = {value:String})
                OR ({key:String} = 'sightline.attempts' AND toString(attempts) = {value:String})
                OR ({key:String} = 'sightline.mtls' AND toString(mtls) = {value:String} AND mesh)
                OR ({key:String} = 'sightline.flags' AND (flags = {value:String} OR has(splitByChar(',', toString(flags)), {value:String})))
                OR ({key:String} = 'http.request.method' AND method = {value:String})
                OR ({key:String} = 'http.response.status_code' AND toString(http_status) = {value:String})
                OR ({key:String} = 'rpc.grpc.status_code' AND toString(grpc_status) = {value:String})
                OR ({key:String} = 'network.protocol.name' AND protocol = {value:String})
                OR ({key:String} = 'url.path' AND path = {value:String})))
GROUP BY trace_id
HAVING began >= fromUnixTimestamp64Nano({floor:Int64}, 'UTC')
    AND (toUnixTimestamp64Nano(began), id) < ({before:Int64}, {before_id:String})
    AND ({service:String} != '' OR toUnixTimestamp64Nano(ended) - toUnixTimestamp64Nano(began) <= {max_duration:UInt64})
    AND ({status:String} != 'ok' OR error_count = 0)
ORDER BY began DESC, id DESC
LIMIT {limit:UInt32}
