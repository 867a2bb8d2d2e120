-- Since when a counter has been counting, as Unix milliseconds (0 is not known).
ALTER TABLE samples ADD COLUMN IF NOT EXISTS start_ms Int64 CODEC(DoubleDelta, ZSTD(1))
