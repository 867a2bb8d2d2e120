-- Spans by time and duration, two buckets for each doubling. One that a sampler kept counts
-- for all that it stands for.
SELECT
    toUInt32(intDiv(toUnixTimestamp64Nano(start) - {origin:Int64}, {step:Int64})) AS column_index,
    toInt16(ceil(log2(greatest(duration, 1000) / 1000000) * {per_octave:UInt8}) - 1) AS bucket,
    toUInt64(round(sum(weight))) AS span_count,
    toUInt64(round(sumIf(weight, status = 'error'))) AS error_count
FROM {{spans}} AS spans
WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND {{filter}}
GROUP BY column_index, bucket
