"""What is sure to fail, told before anything is asked or paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from memalign_bench.alignment.base import Alignment
from memalign_bench.datasets.gold import Gold, gold_labels
from memalign_bench.errors import RequestError
from memalign_bench.study.plan import RunCell
from memalign_bench.study.shared_data import data_read_once, load_data
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import NOT_APPLICABLE

__all__ = ["check_feedback", "check_neighbours", "fewer_labels", "unfounded", "without_feedback"]

_LEARN = frozenset({"distiller", "memory.k"})
"""Keys of alignments that can want more than labels hold."""

Golds = Mapping[tuple[str, str], Gold]


def without_feedback(gold: Golds, dimensions: Iterable[str]) -> list[str]:
    """Dimensions of which no graded item has a rationale: nothing can be distilled for them."""
    spoken = {
        dimension
        for (_, dimension), entry in gold.items()
        if entry.score is not NOT_APPLICABLE and entry.rationale.strip()
    }
    return [name for name in dimensions if name not in spoken]


def check_feedback(spec: RunSpec, gold: Golds) -> str:
    """Refuse a run whose every cell would fail for want of rationales; warn where some would.

    Returns:
        A warning, "" where there is none.

    Raises:
        RequestError: If no dimension of the run has a rationale to distil.
    """
    if not _distils(spec.alignment) or spec.n_train == 0:
        return ""
    silent = without_feedback(gold, spec.dimensions)
    told = (
        f"alignment={spec.alignment.name} distils guidelines from rationales, and {_none(silent)}"
    )
    if len(silent) == len(spec.dimensions):
        raise RequestError(f"{told}: every answer would fail. {_REMEDY}")
    return f"{told}: its answers will fail. {_REMEDY}" if silent else ""


_REMEDY = "Use alignment=episodic, which needs grades alone, or give rationales (column rationale)."


def _distils(alignment: Alignment) -> bool:
    return "distiller" in alignment.keys


def _none(dimensions: Sequence[str]) -> str:
    return f"no label of {', '.join(dimensions)} has one"


def check_neighbours(spec: RunSpec, gold: Golds) -> None:
    """Refuse a run that wants more neighbours than any of its cells has training items.

    Raises:
        RequestError: If no dimension has enough, whatever its folds are.
    """
    k = spec.config["memory"]["k"] if "memory.k" in spec.alignment.keys else 0
    labelled = Counter(dimension for _, dimension in gold)
    # A cell learns from what its fold leaves, which is less than all.
    most = max((labelled[name] - 1 for name in spec.dimensions), default=0)
    if spec.n_train is not None:
        most = min(most, spec.n_train)
    if spec.n_train != 0 and k > most:
        raise RequestError(
            f"memory.k={k} neighbours, but at most {most} training items: every answer of"
            f" alignment={spec.alignment.name} would fail. Lower memory.k."
        )


def fewer_labels(n_train: int | None, cells: Iterable[RunCell]) -> str:
    """A warning where folds hold fewer labels than were asked for; "" where none does."""
    held: dict[str, int] = {}
    for cell in cells:
        held[cell.dimension] = min(held.get(cell.dimension, cell.n_available), cell.n_available)
    few = [f"{name} {n}" for name, n in held.items() if n_train is not None and n < n_train]
    told = f"n_train={n_train} is more than the other folds hold (at least {', '.join(few)})"
    return f"{told}: there all labels are learnt from." if few else ""


def unfounded(specs: Iterable[RunSpec]) -> list[str]:
    """Runs of a sweep that are sure to fail, a line each; their data are read once."""
    lines = []
    with data_read_once():
        for spec in specs:
            if not spec.alignment.keys & _LEARN or spec.n_train == 0:
                continue
            golds = gold_labels(load_data(spec), spec.gold, spec.dimensions)
            for check in (check_feedback, check_neighbours):
                try:
                    check(spec, golds)
                except RequestError as error:
                    lines.append(str(error))
    return list(dict.fromkeys(lines))
