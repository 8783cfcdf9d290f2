"""What the product costs and what it loses, measured beside what people would use in its place."""
