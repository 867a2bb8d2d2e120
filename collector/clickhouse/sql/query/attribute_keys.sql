-- The names of attributes alone are read. A list to choose from need not be whole: it ends
-- where it would cost too much.
SELECT
    arraySort(groupUniqArrayArray(arrayConcat(mapKeys(attributes), mapKeys(numbers), mapKeys(bools)))) AS of_spans,
    arraySort(groupUniqArrayArray(mapKeys(resource))) AS of_resources
FROM spans
WHERE start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
SETTINGS max_rows_to_read = 20000000, read_overflow_mode = 'break', max_execution_time = 5, timeout_overflow_mode = 'break'
