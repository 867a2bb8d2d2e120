-- What the spans of two sets say, as pairs of key and value: by key, the values whose
-- shares differ most. Columns go by the names that filters have for them. Of large sets
-- one trace in so many is looked at. Texts that nobody would compare are left out. The
-- pair without a key counts the spans. One that a sampler kept counts for all that it
-- stands for, but for how many were stored.
SELECT
    scope,
    key,
    toUInt64(round(sum(in_set))) AS with_key_inside,
    toUInt64(round(sum(in_rest))) AS with_key_outside,
    sum(stored) AS with_key_stored,
    count() AS distinct_values,
    groupArraySorted(5)(tuple(
        -abs(in_set / {inside:Float64} - in_rest / {outside:Float64}), value,
        toUInt64(round(in_set)), toUInt64(round(in_rest)))) AS most
FROM
(
    SELECT
        tupleElement(pair, 1) AS scope,
        tupleElement(pair, 2) AS key,
        tupleElement(pair, 3) AS value,
        sumIf(weight, selected) AS in_set,
        sumIf(weight, NOT selected) AS in_rest,
        count() AS stored
    FROM
    (
        SELECT
            weight,
            start >= fromUnixTimestamp64Nano({from:Int64}, 'UTC')
                AND start < fromUnixTimestamp64Nano({to:Int64}, 'UTC')
                AND {{selected}} AS selected,
            arrayJoin(arrayConcat(
                [
                    ('', 'service', toString(service)), ('', 'namespace', toString(namespace)),
                    ('', 'version', toString(version)), ('', 'instance', toString(instance)),
                    ('', 'name', toString(name)), ('', 'kind', toString(kind)),
                    ('', 'status', toString(status)), ('', 'status.message', status_message),
                    ('', 'peer', toString(peer)), ('', 'peer.version', toString(peer_version)),
                    ('', 'peer.instance', toString(peer_instance)), ('', 'sightline.peer.identity', toString(peer_identity)),
                    ('', 'route', toString(route)), ('', 'method', toString(method)), ('', 'path', path),
                    ('', 'code', if(http_status != 0 OR (mesh AND kind IN ('client', 'server')), toString(http_status), '')),
                    ('', 'rpc.grpc.status_code', if(grpc_status >= 0, toString(grpc_status), '')),
                    ('', 'flags', toString(flags)), ('', 'reason', toString(reason)),
                    ('', 'sightline.generated_by', toString(generated_by)),
                    ('', 'sightline.attempts', if(attempts != 0, toString(attempts), '')),
                    ('', 'network.protocol.name', toString(protocol)),
                    ('', 'mtls', if(mesh, toString(mtls), '')), ('', 'mesh', toString(mesh)),
                    ('', 'sightline.config_version', if(config_version != 0, toString(config_version), '')),
                    ('', 'scope.name', toString(spans.scope))
                ],
                arrayMap(x -> ('', 'event.name', toString(x)), arrayDistinct(event_names)),
                arrayMap((k, v) -> ('span', toString(k), v), mapKeys(attributes), mapValues(attributes)),
                arrayMap((k, v) -> ('span', toString(k), toString(v)), mapKeys(numbers), mapValues(numbers)),
                arrayMap((k, v) -> ('span', toString(k), toString(v)), mapKeys(bools), mapValues(bools)),
                arrayMap((k, v) -> ('resource', toString(k), v), mapKeys(resource), mapValues(resource)),
                [('', '', '*')]
            )) AS pair
        FROM {{spans}} AS spans
        WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
            AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
            AND cityHash64(trace_id) % if(selected, {inside_every:UInt64}, {outside_every:UInt64}) = 0
            AND {{filter}}
    )
    WHERE tupleElement(pair, 3) != '' AND length(tupleElement(pair, 3)) <= 256
    GROUP BY scope, key, value
)
GROUP BY scope, key
ORDER BY key = '' DESC, greatest(
    -tupleElement(arrayElement(most, 1), 1),
    abs(with_key_inside / {inside:Float64} - with_key_outside / {outside:Float64})) DESC
LIMIT {limit:UInt32}
