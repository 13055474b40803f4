"""Notebooks as text: reading them safely, and the views that judges see."""
