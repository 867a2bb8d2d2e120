-- The services of whose requests some sidecar has spoken.
SELECT DISTINCT destination
FROM {rollup:Identifier}
WHERE reporter != 'app'
    AND time >= fromUnixTimestamp({rollup_start:Int64})
    AND time < fromUnixTimestamp({end:Int64})
