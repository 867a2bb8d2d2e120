-- Exemplars of a metric's series between two times, both included, the newest {limit}.
SELECT fingerprint, ms, value, labels
FROM exemplars
WHERE metric = {metric:String} AND ms >= {start:Int64} AND ms <= {end:Int64}
    AND ({all:Bool} OR has({fingerprints:Array(UInt64)}, fingerprint))
ORDER BY ms DESC
LIMIT {limit:UInt64}
