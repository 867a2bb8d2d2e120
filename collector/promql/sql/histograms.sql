-- As samples.sql, for native histograms: all of a series in one row, each column packed as
-- there. Lists lie one behind the other, with how long each is.
SELECT
    fingerprint,
    CAST(groupArrayState(materialize(ms)) AS String) AS times,
    CAST(groupArrayState(materialize(start_ms)) AS String) AS starts,
    CAST(groupArrayState(materialize(reset)) AS String) AS resets,
    CAST(groupArrayState(materialize(schema)) AS String) AS schemas,
    CAST(groupArrayState(materialize(zero_threshold)) AS String) AS zero_thresholds,
    CAST(groupArrayState(materialize(zero_count)) AS String) AS zero_counts,
    CAST(groupArrayState(materialize(count)) AS String) AS counts,
    CAST(groupArrayState(materialize(sum)) AS String) AS sums,
    CAST(groupArrayState(toUInt32(length(positive_spans))) AS String) AS positive_spans_long,
    CAST(groupArrayArrayState(positive_spans) AS String) AS positive_spans_all,
    CAST(groupArrayState(toUInt32(length(positive))) AS String) AS positive_long,
    CAST(groupArrayArrayState(positive) AS String) AS positive_all,
    CAST(groupArrayState(toUInt32(length(negative_spans))) AS String) AS negative_spans_long,
    CAST(groupArrayArrayState(negative_spans) AS String) AS negative_spans_all,
    CAST(groupArrayState(toUInt32(length(negative))) AS String) AS negative_long,
    CAST(groupArrayArrayState(negative) AS String) AS negative_all,
    CAST(groupArrayState(toUInt32(length(bounds))) AS String) AS bounds_long,
    CAST(groupArrayArrayState(bounds) AS String) AS bounds_all
FROM (
    SELECT *
    FROM histograms
    WHERE metric = {metric:String} AND ms >= {start:Int64} AND ms <= {end:Int64}
        AND ({all:Bool} OR has({fingerprints:Array(UInt64)}, fingerprint))
    LIMIT {limit:UInt64})
GROUP BY fingerprint
