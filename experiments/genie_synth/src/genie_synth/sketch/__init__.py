"""A notebook in the making: what was asked for, its cells, and who writes them."""
