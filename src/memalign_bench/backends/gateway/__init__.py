"""A loopback endpoint in front of a backend, for code that calls models by itself."""
