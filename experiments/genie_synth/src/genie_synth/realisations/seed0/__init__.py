"""Realisations of the reported corpus."""
