"""Labelled items from wherever they come, checked on entry and held in one form."""
