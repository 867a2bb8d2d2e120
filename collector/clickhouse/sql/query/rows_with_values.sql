-- How many rows a list of values could be made of.
SELECT count()
FROM {{rows_of}}
WHERE {{time}} >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND {{time}} < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
    AND {{filter}}
SETTINGS max_rows_to_read = 20000000, read_overflow_mode = 'break', max_execution_time = 5, timeout_overflow_mode = 'break'
