"""What a plan would claim of names that nothing bears; a plan cannot be mended afterwards."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from memalign_bench.cli.requests.typed_words import choices_of
from memalign_bench.study.spec import RunSpec

__all__ = ["unknown_claims"]


def unknown_claims(specs: Iterable[RunSpec], folders: Sequence[Path]) -> list[str]:
    """Names in `claims.` that are no alignment, no backend and no dimension, a line each.

    What is claimed may be run later, so that it need be no variant of these jobs.

    Args:
        specs: Jobs that share a plan.
        folders: Folders of one's own with further choices.
    """
    alignments, backends = (choices_of(group, folders) for group in ("alignment", "backend"))
    lines: list[str] = []
    for spec in specs:
        claims = spec.config["claims"]
        sides = [side for pair in claims["contrasts"] for side in pair]
        # `full,memory.k=2` is the alignment `full` with a setting.
        heads = [side.partition(",")[0] for side in sides if side != spec.variant]
        # A job's own may bear another name than any choice.
        known = sorted({*alignments, spec.alignment.name})
        lines += _strangers("contrasts", heads, known)
        known = sorted({*backends, spec.backend_name})
        lines += _strangers("backends", claims["backends"] or (), known)
        lines += _strangers("dimensions", claims["dimensions"] or (), [*spec.rubric.dimensions])
    return list(dict.fromkeys(lines))


def _strangers(key: str, names: Iterable[str], known: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are {', '.join(known)}."
            yield f"claims.{key}: there is no {name!r}. {hint}"
