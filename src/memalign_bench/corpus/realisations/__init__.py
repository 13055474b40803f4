"""Ways of writing notebook code that show a facet; one module a dimension (and corpus)."""
