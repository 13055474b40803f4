"""Follows values through the code of a notebook without running it."""
