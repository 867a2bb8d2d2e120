INSERT INTO series (
    metric, fingerprint, day, labels
)
