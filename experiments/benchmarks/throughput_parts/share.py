"""Where the time of a study went, read from the server's log: waiting, short-handed, or full."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from throughput_parts.server import Call

__all__ = ["Share", "share_of"]


class Share(NamedTuple):
    """Seconds between two moments, by how many calls were under way.

    Attributes:
        idle_s: None was.
        busy_s: At least one was.
        mean_under_way: How many were, on average over `busy_s`.
        most_under_way: How many were at once, at most.
    """

    idle_s: float
    busy_s: float
    mean_under_way: float
    most_under_way: int


def share_of(calls: Sequence[Call], began: float, ended: float) -> Share:
    """Split the time from `began` to `ended`.

    >>> share_of([Call("judge", 1.0, 2.0), Call("judge", 1.0, 3.0)], 0.0, 4.0)
    Share(idle_s=2.0, busy_s=2.0, mean_under_way=1.5, most_under_way=2)
    """
    changes = sorted(
        itertools.chain(((call.came, 1) for call in calls), ((call.answered, -1) for call in calls))
    )
    busy = spent = 0.0
    under_way, most, since = 0, 0, began
    for at, change in changes:
        if under_way:
            busy += at - since
            spent += under_way * (at - since)
        under_way, since = under_way + change, at
        most = max(most, under_way)
    return Share(ended - began - busy, busy, spent / busy if busy else 0.0, most)
