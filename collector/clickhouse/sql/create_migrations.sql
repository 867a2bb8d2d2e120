-- What was applied to this database, and when.
CREATE TABLE IF NOT EXISTS migrations
(
    version UInt32,
    name    String,
    applied DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied)
ORDER BY version
