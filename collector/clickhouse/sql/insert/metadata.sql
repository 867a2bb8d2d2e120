INSERT INTO metadata (
    metric, kind, unit, help, day
)
