"""More ways of the reported corpus: the same facets, planted otherwise."""
