"""Agents side by side: how good, how sure, at what cost."""
