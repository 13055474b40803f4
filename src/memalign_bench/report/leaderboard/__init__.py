"""Agents side by side, for people: tables, figure and page."""
