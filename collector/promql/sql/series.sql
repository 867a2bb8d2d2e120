-- The series of one metric that had a value on one of the days; all metrics' where
-- {metric} is empty. Each label of {names} must have the value at its place in
-- {values}; one that a series does not have is empty.
SELECT toString(metric) AS name, fingerprint, any(labels) AS pairs
FROM series
WHERE ({metric:String} = '' OR metric = {metric:String})
    AND day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC'))
    AND arrayAll((label, value) -> labels[label] = value, {names:Array(String)}, {values:Array(String)})
GROUP BY metric, fingerprint
