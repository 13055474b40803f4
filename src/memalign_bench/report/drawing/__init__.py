"""How figures look, and what they are put together from."""
