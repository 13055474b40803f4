"""Agents write notebooks, aligned judges score them, a gate compares."""
