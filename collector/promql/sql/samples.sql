-- Values of one metric between two times, both included, all of a series in one row: a
-- state of groupArray is a length and then the numbers as they lie in memory, which is
-- what makes reading millions of them cheap. They come in any order, all columns in the
-- same, for which they must be materialized: of one that is mostly zeros, and therefore
-- stored sparsely, the engine gives groupArray what is not zero first. {all} reads every
-- series, for when the list of fingerprints would be too long for a parameter. At most
-- {limit} values are read.
SELECT
    fingerprint,
    CAST(groupArrayState(materialize(ms)) AS String) AS times,
    CAST(groupArrayState(materialize(value)) AS String) AS samples,
    if(max(start_ms) = 0, '', CAST(groupArrayState(materialize(start_ms)) AS String)) AS starts
FROM (
    SELECT fingerprint, ms, value, start_ms
    FROM samples
    WHERE metric = {metric:String} AND ms >= {start:Int64} AND ms <= {end:Int64}
        AND ({all:Bool} OR has({fingerprints:Array(UInt64)}, fingerprint))
    LIMIT {limit:UInt64})
GROUP BY fingerprint
