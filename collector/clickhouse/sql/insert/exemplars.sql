INSERT INTO exemplars (
    metric, fingerprint, ms, value, labels
)
