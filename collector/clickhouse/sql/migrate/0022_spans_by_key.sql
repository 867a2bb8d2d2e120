-- Conditions on attributes that few spans have. An attribute may be in each of the maps,
-- so that each needs an index before one can drop a granule. A granule has few different
-- keys and values of resources, so that these cost next to nothing.
ALTER TABLE spans
    ADD INDEX IF NOT EXISTS by_key mapKeys(attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_number mapKeys(numbers) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_bool mapKeys(bools) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_resource_key mapKeys(resource) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_resource mapValues(resource) TYPE bloom_filter(0.01) GRANULARITY 1
