SELECT path
FROM system.detached_parts
WHERE database = {database:String} AND table = {table:String} AND name = {name:String}
