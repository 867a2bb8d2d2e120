-- A request between two sidecars is reported twice; the source's row counts, because
-- it also knows the requests that never arrived. A destination's row counts where no
-- source can report: the caller is outside the mesh. An application's own spans count
-- towards peers of which no sidecar has spoken. A stream counts when it has ended: rows
-- that only say that some opened are left out.
requests > 0
    AND (reporter = 'source'
        OR (reporter = 'destination' AND source = '')
        OR (reporter = 'app' AND destination NOT IN ({{spoken_of}})))
