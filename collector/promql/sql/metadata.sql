-- What metrics are, as who sent them said; all metrics' where {metric} is empty.
SELECT DISTINCT toString(metric) AS name, toString(kind), toString(unit), help
FROM metadata
WHERE ({metric:String} = '' OR metric = {metric:String})
ORDER BY name
LIMIT {limit:UInt64}
