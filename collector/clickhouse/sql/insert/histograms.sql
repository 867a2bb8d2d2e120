INSERT INTO histograms (
    metric, fingerprint, ms, start_ms, reset, schema, zero_threshold, zero_count, count, sum,
    positive_spans, positive, negative_spans, negative, bounds
)
