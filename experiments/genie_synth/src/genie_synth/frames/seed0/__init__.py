"""Data of the cases of the reported corpus."""
