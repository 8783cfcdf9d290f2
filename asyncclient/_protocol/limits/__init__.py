"""Rate limits as pure values: windows, buckets, the log of requests."""
