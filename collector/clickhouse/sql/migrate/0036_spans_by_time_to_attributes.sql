-- Of an insert of many rows some five hundred are looked at, which costs about the same for
-- any number of rows. So of inserts of 5,000 to 50,000, of which there are many a second
-- when there is much, one in four is. Smaller ones are seldom, larger ones cost much more.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_by_time_to_attributes TO attributes AS
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
FROM spans_by_time
WHERE randConstant() % if(blockSize() BETWEEN 5000 AND 50000, 4, 1) = 0
    AND rand() % greatest(1, intDiv(blockSize(), 500)) = 0
GROUP BY bucket, rows_of, scope, key, kind, service
