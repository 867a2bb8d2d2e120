ALTER TABLE red_1m ADD COLUMN IF NOT EXISTS opened SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
