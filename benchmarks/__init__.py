"""Benchmarks: speed, cost and completeness of the product, compared with what people would use instead."""
