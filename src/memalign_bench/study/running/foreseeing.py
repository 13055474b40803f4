"""What is sure to fail, found before anything is asked or paid for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from memalign_bench.alignment.base import Alignment
from memalign_bench.alignment.controls.base import MemoryControl
from memalign_bench.datasets.gold import Gold, gold_labels
from memalign_bench.errors import RequestError
from memalign_bench.study.plan import RunCell, on_labelled_dimensions
from memalign_bench.study.shared_data import data_read_once, load_data
from memalign_bench.study.spec import RunSpec
from memalign_bench.study.splits import check_foldable
from memalign_bench.types import NOT_APPLICABLE

__all__ = [
    "check_control",
    "check_feedback",
    "check_neighbours",
    "dimensions_without_rationale",
    "few_labels_warning",
    "runs_sure_to_fail",
    "unfoldable_runs",
]

_LEARNING_KEYS = frozenset({"distiller", "memory.k"})
"""Keys of alignments that can want more than labels hold."""

_REMEDY = "Use alignment=episodic, which needs grades alone, or give rationales (column rationale)."

Golds = Mapping[tuple[str, str], Gold]


def dimensions_without_rationale(gold: Golds, dimensions: Iterable[str]) -> list[str]:
    """Dimensions on which no graded item has a rationale: nothing can be distilled for them."""
    with_rationale = {
        dimension
        for (_, dimension), entry in gold.items()
        if entry.score is not NOT_APPLICABLE and entry.rationale.strip()
    }
    return [name for name in dimensions if name not in with_rationale]


def check_feedback(spec: RunSpec, gold: Golds) -> str:
    """Refuse a run whose every cell would fail for lack of rationales; warn where some would.

    Returns:
        A warning, "" where there is none.

    Raises:
        RequestError: If no dimension of the run has a rationale to distil.
    """
    if not _distils(spec.alignment) or spec.n_train == 0:
        return ""
    without_rationale = dimensions_without_rationale(gold, spec.dimensions)
    problem = (
        f"alignment={spec.alignment.name} distils guidelines from rationales, and"
        f" {_no_rationale_text(without_rationale)}"
    )
    if len(without_rationale) == len(spec.dimensions):
        raise RequestError(f"{problem}: every answer would fail. {_REMEDY}")
    return f"{problem}: its answers will fail. {_REMEDY}" if without_rationale else ""


def _distils(alignment: Alignment) -> bool:
    return "distiller" in alignment.keys


def _no_rationale_text(dimensions: Sequence[str]) -> str:
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
    # Without a training label nothing is learnt, and no neighbour is looked for.
    if spec.n_train != 0 and k > most:
        raise RequestError(
            f"memory.k={k} neighbours, but at most {most} training items: every answer of"
            f" alignment={spec.alignment.name} would fail. Lower memory.k."
        )


def check_control(spec: RunSpec, gold: Golds) -> None:
    """Refuse a control that would show nothing else than what it controls for.

    Raises:
        RequestError: If every cell of it would fail for that.
    """
    if not isinstance(spec.alignment, MemoryControl) or spec.n_train == 0:
        return
    graded = [entry for (_, name), entry in gold.items() if name in spec.dimensions]
    most_raters = max((len(entry.raters) for entry in graded), default=0)
    if reason := spec.alignment.idle_reason(spec.rubric, spec.prompt, most_raters):
        raise RequestError(f"alignment={spec.alignment.name} {reason}.")


def few_labels_warning(n_train: int | None, cells: Iterable[RunCell]) -> str:
    """A warning where folds hold fewer labels than `n_train` asks for; "" where none does."""
    fewest: dict[str, int] = {}
    for cell in cells:
        fewest[cell.dimension] = min(fewest.get(cell.dimension, cell.n_available), cell.n_available)
    # The fewest of its folds stands for a dimension.
    few = [f"{name} {n}" for name, n in fewest.items() if n_train is not None and n < n_train]
    problem = f"n_train={n_train} is more than the other folds hold (at least {', '.join(few)})"
    return f"{problem}: there all labels are learnt from." if few else ""


def unfoldable_runs(specs: Iterable[RunSpec]) -> list[str]:
    """Runs of a sweep whose items cannot be dealt into folds, a line each; data are read once.

    Raises:
        DataError: If a data set has problems, or no gold as asked for.
    """
    lines = []
    with data_read_once():
        for spec in specs:
            data = load_data(spec)
            gold_labels(data, spec.gold, on_labelled_dimensions(spec, data).dimensions)
            try:
                check_foldable(spec.splits, data.item.values(), spec.folds, spec.fold_seed)
            except RequestError as error:
                lines.append(str(error))
    return list(dict.fromkeys(lines))


def runs_sure_to_fail(specs: Iterable[RunSpec]) -> list[str]:
    """Runs of a sweep that are sure to fail, a line each; their data are read once."""
    lines = []
    with data_read_once():
        for spec in specs:
            # Data are read only for jobs that can fail so.
            if _LEARNING_KEYS.isdisjoint(spec.alignment.keys) or spec.n_train == 0:
                continue
            data = load_data(spec)
            asked = on_labelled_dimensions(spec, data)
            golds = gold_labels(data, spec.gold, asked.dimensions)
            for check in (check_feedback, check_neighbours, check_control):
                try:
                    check(asked, golds)
                except RequestError as error:
                    lines.append(str(error))
    # Jobs of a sweep mostly fail for one and the same reason.
    return list(dict.fromkeys(lines))
