"""The gate: a candidate's notebooks against a baseline's, case by case; in doubt it stays shut."""
