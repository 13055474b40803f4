"""Realisations of the development corpus."""
