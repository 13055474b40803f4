"""Backends side by side."""
