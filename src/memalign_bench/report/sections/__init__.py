"""The report's topics, a folder each: numbers, words and figure stand together."""
