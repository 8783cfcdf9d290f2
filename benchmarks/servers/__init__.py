"""The servers that contenders are measured against."""
