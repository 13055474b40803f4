"""Splits, runs, records: from a plan to files on disk."""
