"""The benchmarks: each measures one question, and compares the contenders for it."""
