sumMap(buckets), sum(duration_sum)
