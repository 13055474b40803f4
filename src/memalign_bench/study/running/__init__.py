"""A run from its first question to its last row."""
