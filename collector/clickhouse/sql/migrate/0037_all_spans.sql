-- The spans that are sorted by time, and those that an earlier version stored by service: into
-- that table nothing is written any more, and after a week it is empty.
CREATE TABLE IF NOT EXISTS all_spans AS spans_by_time
ENGINE = Merge(currentDatabase(), '^spans(_by_time)?$')
