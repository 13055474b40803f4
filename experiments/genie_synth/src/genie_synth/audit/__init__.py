"""Is the corpus fit to study alignment on? Everything that is asked of it, measured."""
