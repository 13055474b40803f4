"""Facts: what a static reading of a notebook says in plain lines, without a verdict on any of it.

`cells` reads each cell's code, `values` says what is known of a name, `dataflow` follows the names
from cell to cell, `reading` puts everything that is said of a notebook together, and `choosing`
takes what one question asks for into a token budget.
"""
