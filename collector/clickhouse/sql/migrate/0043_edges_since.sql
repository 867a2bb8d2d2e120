-- Since when edges and edges_1m have all rows, and since ever where there is no row here.
-- What was stored before is in red and red_1m, which are read for it as long as it is kept:
-- to copy a week of seconds would take the first start after an upgrade minutes.
CREATE TABLE IF NOT EXISTS edges_since
(
    time DateTime('UTC')
)
ENGINE = MergeTree
ORDER BY time
SETTINGS non_replicated_deduplication_window = 1000
