sum(requests), sum(failed), sum(duration_sum), sum(bytes_in), sum(bytes_out), sum(opened)
