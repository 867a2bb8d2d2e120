INSERT INTO samples (
    metric, fingerprint, ms, value
)
