"""Builds the bundled corpus: notebooks, labels, items, evidence and the card, in one folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from memalign_bench.corpus.authors import AUTHORS
from memalign_bench.corpus.card import card
from memalign_bench.corpus.cases import CASES
from memalign_bench.corpus.compose import Composed, compose, stratum
from memalign_bench.corpus.execute import executed, notebook
from memalign_bench.corpus.plan import plan, repeated
from memalign_bench.corpus.raters import GOLD, Ruled, rate
from memalign_bench.corpus.rationales import Writer
from memalign_bench.corpus.sketch import DIMENSIONS, Case
from memalign_bench.errors import RequestError

__all__ = ["LABEL_COLUMNS", "build", "bundled_path", "composed_items", "labels"]

LABEL_COLUMNS = (
    *("item_id", "case_id", "dimension", "rater", "score", "rationale", "literal_score"),
)
"""Columns of `labels.csv`."""


def bundled_path(seed: int) -> Path:
    """Folder of the corpus that ships with the package.

    Raises:
        RequestError: If the seed is not shipped.
    """
    path = Path(__file__).parent / "data" / "genie_synth" / f"seed{seed}"
    if not path.is_dir():
        raise RequestError(
            f"no bundled corpus for seed {seed!r}; there are 0 (reported) and 1 (development)."
        )
    return path


def composed_items(seed: int, n_cases: int | None = None) -> list[Composed]:
    """All notebooks of a corpus before execution, sorted by item.

    Raises:
        RequestError: If there are no cases for the seed.
    """
    if seed not in CASES:
        known = ", ".join(map(str, CASES))
        raise RequestError(f"seed={seed!r}: there are cases for seeds {known} only.")
    if n_cases is not None and n_cases < 1:
        raise RequestError(f"n_cases={n_cases!r}: a corpus needs at least one case.")
    cases = repeated(CASES[seed], n_cases)
    items = plan(cases, seed, len(AUTHORS[seed]))
    return [compose(item) for item in sorted(items, key=lambda item: item.item_id)]


def build(
    out: Path,
    seed: int,
    n_cases: int | None = None,
    *,
    execute: bool = True,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write the corpus of a seed to a folder; the same bytes on the same versions.

    Args:
        out: Folder to write to; made where it is missing. Notebooks of other items are removed.
        seed: 0 (reported) or 1 (development).
        n_cases: How many cases; None takes all there are, more repeats them with fresh data.
        execute: Whether to run the notebooks; without, they have no outputs.
        progress: Called with each item id when its notebook is written.

    Raises:
        RequestError: If the seed or `n_cases` is impossible, or nbclient is missing.
        DataError: If a cell raises that should not.
    """
    items = composed_items(seed, n_cases)
    folder = out / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for composed in items:
        made = executed(composed) if execute else notebook(composed)
        (folder / f"{composed.item_id}.ipynb").write_text(_json_of(made), encoding="utf-8")
        if progress is not None:
            progress(composed.item_id)
    wanted = {f"{composed.item_id}.ipynb" for composed in items}
    for path in folder.glob("*.ipynb"):
        if path.name not in wanted:
            path.unlink()
    rows = labels(items, seed)
    _write(out / "labels.csv", _csv_of(rows))
    _write(out / "items.jsonl", _lines_of(map(_item_row, items)))
    _write(out / "evidence.jsonl", _lines_of(row for item in items for row in _evidence_rows(item)))
    _write(out / "README.md", card(items, rows, seed, executed=execute))


def labels(items: Sequence[Composed], seed: int) -> list[dict[str, Any]]:
    """Rows of `labels.csv`: three raters and the gold score of every item and dimension."""
    writer = Writer(seed)
    ratings = {
        dimension: rate(seed, dimension, _ruled(items, dimension)) for dimension in DIMENSIONS
    }
    rows: list[dict[str, Any]] = []
    for composed in items:
        for dimension in DIMENSIONS:
            given = ratings[dimension][composed.item_id]
            for rater, score in {**given.scores, GOLD: given.gold}.items():
                row = {
                    "item_id": composed.item_id,
                    "case_id": composed.case.case_id,
                    "dimension": dimension,
                    "rater": rater,
                    "score": score,
                    "rationale": writer.write(composed, dimension, rater, score),
                    "literal_score": composed.literal[dimension],
                }
                rows.append(row)
    return rows


def _ruled(items: Sequence[Composed], dimension: str) -> list[Ruled]:
    """Evidence is borderline where the score is in the middle or the literal reading differs."""
    found = []
    for composed in items:
        score, read = composed.rulings[dimension].score, composed.literal[dimension]
        found.append(Ruled(composed.item_id, score, score == 2 or score != read))
    return found


def context_line(case: Case) -> str:
    """What there is to know about the data in one line."""
    frame = case.data()
    gaps = frame.isna().mean()
    shares = ", ".join(f"{name} {100 * gaps[name]:.1f} %" for name in gaps.index if gaps[name] > 0)
    target = f"target {case.target}"
    if case.task == "classification":
        target += f" ({100 * float(frame[case.target].mean()):.0f} % are 1)"
    return (
        f"{case.file}: {len(frame)} rows, {frame.shape[1]} columns; missing: {shares or 'none'};"
        f" {target}; time index: {case.time_index or 'none'}."
    )


def _item_row(composed: Composed) -> dict[str, Any]:
    case = composed.case
    return {
        "item_id": composed.item_id,
        "case_id": case.case_id,
        "prompt": case.prompt,
        "context": context_line(case),
        "kind": "notebook",
        "path": f"notebooks/{composed.item_id}.ipynb",
        "stratum": stratum(case),
    }


def _evidence_rows(composed: Composed) -> list[dict[str, Any]]:
    return [
        {
            "item_id": composed.item_id,
            "dimension": dimension,
            "realisation": composed.realisations[dimension],
            "facets": composed.facets[dimension],
            "reason": composed.rulings[dimension].reason,
            "score": composed.rulings[dimension].score,
            "literal_score": composed.literal[dimension],
            "evidence": [
                {"cell": found.cell, "snippet": found.snippet}
                for found in composed.evidence[dimension]
            ],
        }
        for dimension in DIMENSIONS
    ]


def _json_of(made: Mapping[str, Any]) -> str:
    import nbformat

    text: str = nbformat.writes(nbformat.from_dict(made))
    return text if text.endswith("\n") else text + "\n"


def _lines_of(rows: Any) -> str:
    return "".join(
        json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n" for row in rows
    )


def _csv_of(rows: Sequence[Mapping[str, Any]]) -> str:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, LABEL_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
