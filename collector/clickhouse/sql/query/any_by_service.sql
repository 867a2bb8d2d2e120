-- Whether there is a span that an earlier version stored.
SELECT 1 FROM spans LIMIT 1
