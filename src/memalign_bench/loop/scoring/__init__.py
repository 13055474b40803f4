"""Scores of generated notebooks: by a shipped judge, without running any agent again."""
