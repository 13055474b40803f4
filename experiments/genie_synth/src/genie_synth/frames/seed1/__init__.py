"""Data of the cases of the development corpus."""
