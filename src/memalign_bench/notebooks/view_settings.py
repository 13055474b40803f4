"""How much of an item a view shows, and which kinds of facts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memalign_bench.notebooks.facts.kinds import ANY_DIMENSION, KINDS, check_kinds

__all__ = ["FactKinds", "ViewSettings", "fact_settings"]

FactKinds = tuple[tuple[str, tuple[str, ...]], ...]
"""Dimension and the kinds of facts that it is shown, of each dimension that is named."""


@dataclass(frozen=True)
class ViewSettings:
    """How much of an item is shown.

    Attributes:
        name: Name of the YAML choice.
        max_tokens: Budget of the item that is judged (estimated tokens).
        example_tokens: Budget of an item shown as an example from memory; None shows the example
            whole, just as it would be judged.
        output_lines: Lines shown of one cell's output, at most.
        line_characters: A longer line is cut here.
        example_request: Whether an example starts with its prompt, for items that make no sense
            without (answers to questions).
        facts: Dimension -> kinds of facts that are shown instead of a notebook's cells (`any`:
            dimensions that are not named; every kind where that is not named either); None shows
            cells.
    """

    name: str
    max_tokens: int
    example_tokens: int | None
    output_lines: int = 3
    line_characters: int = 160
    example_request: bool = False
    facts: FactKinds | Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        if self.facts is not None:
            # Frozen: the pairs replace what the YAML gave this once.
            object.__setattr__(self, "facts", _kinds_by_dimension(self.facts))
        for key in ("max_tokens", "example_tokens", "line_characters"):
            value = getattr(self, key)
            if value is None and key == "example_tokens":
                continue
            if value < 16:
                raise ValueError(f"view.{key} must be >= 16, got {value!r}.")
        if self.output_lines < 0:
            raise ValueError(f"view.output_lines must be >= 0, got {self.output_lines!r}.")

    @property
    def label(self) -> str:
        """Name under which views of judged items made by these settings are stored.

        How examples are shown (`example_tokens`, `example_request`) makes no other such view, so
        runs that differ in it alone share theirs; their variants differ.
        """
        size = f"{self.name}:{self.max_tokens}t,{self.output_lines}x{self.line_characters}"
        if self.facts is None:
            return size
        return f"{size},{hashlib.sha256(repr(self.facts).encode()).hexdigest()[:6]}"

    def fact_kinds(self, dimension: str) -> tuple[str, ...]:
        """The kinds of facts that a dimension is shown, what matters most first."""
        chosen = dict(self.facts or ())
        # Iterated below, so of `KINDS` its names.
        every = chosen.get(ANY_DIMENSION, KINDS)
        return tuple(chosen.get(dimension, every))


def _kinds_by_dimension(configured: FactKinds | Mapping[str, Sequence[str]]) -> FactKinds:
    """Kinds by dimension as pairs, because settings are keys of a cache; checked."""
    try:
        pairs = dict(configured).items()
        chosen = {
            name: (kinds,) if isinstance(kinds, str) else tuple(kinds) for name, kinds in pairs
        }
    except (TypeError, ValueError):
        raise ValueError(
            f"view.facts must be lists of kinds by dimension, got {configured!r}."
        ) from None
    check_kinds(chosen)
    return tuple(chosen.items())


def fact_settings(max_tokens: int = 1000) -> ViewSettings:
    """Facts of every kind, for whoever names none."""
    return ViewSettings("facts", max_tokens, None, facts={ANY_DIMENSION: tuple(KINDS)})
