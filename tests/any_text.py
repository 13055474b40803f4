"""Any text that UTF-8 can write, for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

# All but surrogates, as `st.text()` draws by itself. Said as `codec="utf-8"`, which is how it says
# it, every process of a clean clone tries a million characters first.
CHARACTERS = st.characters(exclude_categories=["Cs"])


def any_text(**size: int) -> st.SearchStrategy[str]:
    """Text of any characters, of `min_size` to `max_size`."""
    return st.text(CHARACTERS, **size)
