"""What is measured: the product, and what people would use instead."""
