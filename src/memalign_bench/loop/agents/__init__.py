"""Whoever is asked for notebooks: a model, a command, a folder, and the controls."""
