"""What a benchmark found, as one row of the table that `run_all.py` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Measured", "table"]


class Measured(NamedTuple):
    """One number, and what it is held against.

    Attributes:
        what: What was measured.
        unit: Its unit.
        suite: Of this suite; less is better.
        limit: What it may be at most, in this unit.
        peer: The same of a peer in the same run.
        peer_name: The peer.
    """

    what: str
    unit: str
    suite: float
    limit: float | None = None
    peer: float | None = None
    peer_name: str = ""


def table(rows: Sequence[Measured]) -> str:
    """Rows as Markdown."""
    lines = ["| what | suite | limit | suite / limit | peer | peer / suite |", "|---" * 6 + "|"]
    for row in rows:
        limit, share, peer, ratio = "", "", "", ""
        if row.limit is not None:
            limit, share = f"{row.limit:.3g} {row.unit}", f"{row.suite / row.limit:.2f}"
            share = share if row.suite <= row.limit else f"**{share}, missed**"
        if row.peer is not None:
            peer = f"{row.peer:.3g} {row.unit} ({row.peer_name})"
            ratio = f"{row.peer / row.suite:.1f}"
        cells = [row.what, f"{row.suite:.3g} {row.unit}", limit, share, peer, ratio]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
