INSERT INTO samples (
    metric, fingerprint, ms, start_ms, value
)
