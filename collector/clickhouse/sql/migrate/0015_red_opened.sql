-- Streams that opened. A row may have nothing else: readers of requests leave it out.
ALTER TABLE red ADD COLUMN IF NOT EXISTS opened SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1))
