EXPLAIN indexes = 1
