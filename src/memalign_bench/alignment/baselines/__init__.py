"""Alignments without a model: what labels alone predict."""
