-- How many series were written to since the day of {since} (ms), and the {top} metrics,
-- labels and pairs that have most of them: kind of figure, name, figure.
WITH
    today AS (
        SELECT toString(metric) AS name, fingerprint, any(labels) AS pairs
        FROM series
        WHERE day >= toDate(fromUnixTimestamp64Milli({since:Int64}, 'UTC'))
        GROUP BY metric, fingerprint),
    labelled AS (
        SELECT fingerprint, toString(pair.1) AS label, pair.2 AS value
        FROM today
        ARRAY JOIN arrayPushBack(CAST(pairs AS Array(Tuple(String, String))), ('__name__', name)) AS pair)
SELECT kind, name, figure FROM (
    SELECT 'series' AS kind, '' AS name, toUInt64(count()) AS figure FROM today
    UNION ALL
    SELECT 'pairs', '', toUInt64(uniqExact(label, value)) FROM labelled
    UNION ALL
    SELECT 'first', '', toUInt64(min(ms)) FROM samples WHERE ms >= {since:Int64} HAVING count() > 0
    UNION ALL
    SELECT 'last', '', toUInt64(max(ms)) FROM samples WHERE ms >= {since:Int64} HAVING count() > 0
    UNION ALL
    SELECT 'metric', name, toUInt64(count()) FROM today GROUP BY name ORDER BY count() DESC, name LIMIT {top:UInt64}
    UNION ALL
    SELECT 'label', label, toUInt64(uniqExact(value)) FROM labelled GROUP BY label ORDER BY uniqExact(value) DESC, label LIMIT {top:UInt64}
    UNION ALL
    SELECT 'bytes', label, toUInt64(sum(length(value))) FROM (SELECT DISTINCT label, value FROM labelled)
    GROUP BY label ORDER BY sum(length(value)) DESC, label LIMIT {top:UInt64}
    UNION ALL
    SELECT 'pair', concat(label, '=', value), toUInt64(count()) FROM labelled
    GROUP BY label, value ORDER BY count() DESC, label, value LIMIT {top:UInt64})
ORDER BY kind, figure DESC, name
