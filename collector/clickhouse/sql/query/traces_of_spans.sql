-- Who has a span in the window that meets a filter.
SELECT trace_id
FROM {{spans}} AS spans
WHERE spans.start >= since AND spans.start < until AND {{filter}}
