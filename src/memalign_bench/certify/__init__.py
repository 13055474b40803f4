"""Coverage, size and power of every interval and test, by simulated studies of known truth."""
