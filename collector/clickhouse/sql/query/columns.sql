SELECT name, sum(row_count) AS all_rows, count() AS parts, sum(size) AS bytes
FROM
(
    SELECT column AS name, rows AS row_count, column_data_compressed_bytes AS size
    FROM system.parts_columns
    WHERE active AND database = currentDatabase() AND table = {table:String}
    UNION ALL
    SELECT concat('index ', name), 0, data_compressed_bytes
    FROM system.data_skipping_indices
    WHERE database = currentDatabase() AND table = {table:String}
)
GROUP BY name
ORDER BY bytes DESC
