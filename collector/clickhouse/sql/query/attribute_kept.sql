-- How many entries the table of attributes has of one in a window, with whatever values.
SELECT count()
FROM attributes
WHERE rows_of = {table:String} AND {{attribute}}
    AND ({service:String} = '' OR service = {service:String})
    AND bucket >= toStartOfFifteenMinutes(fromUnixTimestamp64Nano({start:Int64}, 'UTC'))
    AND bucket < fromUnixTimestamp64Nano({end:Int64}, 'UTC')
