"""The paper's values, and its PDF."""
