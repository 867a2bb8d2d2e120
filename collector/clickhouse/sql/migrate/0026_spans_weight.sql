-- Of how many spans a row is the one that a sampler kept: what counts spans adds this up.
ALTER TABLE spans ADD COLUMN IF NOT EXISTS weight Float32 DEFAULT 1 CODEC(ZSTD(1))
