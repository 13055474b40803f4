"""Intervals and tests by drawing or flipping cases."""
