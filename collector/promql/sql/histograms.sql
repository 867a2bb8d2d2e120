-- As samples.sql, for native histograms, each in a row. The lists are packed as there.
SELECT
    fingerprint, ms, start_ms, reset, schema, zero_threshold, zero_count, count, sum,
    CAST(arrayReduce('groupArrayState', positive_spans) AS String) AS packed_positive_spans,
    CAST(arrayReduce('groupArrayState', positive) AS String) AS packed_positive,
    CAST(arrayReduce('groupArrayState', negative_spans) AS String) AS packed_negative_spans,
    CAST(arrayReduce('groupArrayState', negative) AS String) AS packed_negative,
    CAST(arrayReduce('groupArrayState', bounds) AS String) AS packed_bounds
FROM histograms
WHERE metric = {metric:String} AND ms >= {start:Int64} AND ms <= {end:Int64}
    AND ({all:Bool} OR has({fingerprints:Array(UInt64)}, fingerprint))
LIMIT {limit:UInt64}
