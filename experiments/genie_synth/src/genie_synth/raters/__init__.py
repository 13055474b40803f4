"""The simulated raters: what they grade, and what they write beside it."""
