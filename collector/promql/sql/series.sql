-- The series of one metric that had a value on one of the days; all metrics' where
-- {metric} is empty.
SELECT toString(metric) AS metric, fingerprint, any(labels) AS labels
FROM series
WHERE ({metric:String} = '' OR metric = {metric:String})
    AND day >= toDate(fromUnixTimestamp64Milli({start:Int64}, 'UTC'))
    AND day <= toDate(fromUnixTimestamp64Milli({end:Int64}, 'UTC'))
GROUP BY metric, fingerprint
