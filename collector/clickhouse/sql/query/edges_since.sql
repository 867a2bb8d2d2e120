SELECT toInt64(toUnixTimestamp(max(time))) FROM edges_since
