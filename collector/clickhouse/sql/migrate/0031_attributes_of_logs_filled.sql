-- What is there already, so far as it is of the last hour and ten seconds do. The token has
-- a migration that was cut off, and is begun anew, store nothing twice.
INSERT INTO attributes
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
FROM logs
WHERE time >= now() - INTERVAL 1 HOUR AND rand() % greatest(1, intDiv(blockSize(), 200)) = 0
GROUP BY bucket, rows_of, scope, key, kind, service
SETTINGS insert_deduplicate = 1, insert_deduplication_token = 'attributes of logs filled', max_execution_time = 10, timeout_overflow_mode = 'break'
