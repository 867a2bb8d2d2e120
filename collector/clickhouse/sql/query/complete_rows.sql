-- How many rows a list to choose from could be made of.
SELECT count()
FROM {table:Identifier}
WHERE {{time}} >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')
    AND {{time}} < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
