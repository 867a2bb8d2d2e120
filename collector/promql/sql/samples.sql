-- Values of one metric between two times, both included. {all} reads every series, for
-- when the list of fingerprints would be too long for a parameter.
SELECT fingerprint, ms, value
FROM samples
WHERE metric = {metric:String} AND ms >= {start:Int64} AND ms <= {end:Int64}
    AND ({all:Bool} OR has({fingerprints:Array(UInt64)}, fingerprint))
ORDER BY fingerprint, ms
