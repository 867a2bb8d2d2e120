-- What has gone wrong in the engine, and how often, since it started.
SELECT name, value, code, last_error_message FROM system.errors WHERE value > 0
