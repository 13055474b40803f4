"""Builds the bundled corpus: notebooks, labels, items, evidence and the card, in one folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import nbformat

from genie_synth.authors import AUTHORS
from genie_synth.card import card, plain_card
from genie_synth.cases import CASES
from genie_synth.compose import Draft, compose, stratum
from genie_synth.execute import execute_notebook
from genie_synth.plain import plain_plan
from genie_synth.plan import plan
from genie_synth.raters.ratings import GOLD, RatedItem, rate
from genie_synth.raters.rationales import Writer
from genie_synth.sketch.case import DIMENSIONS, Case
from memalign_bench.errors import RequestError

__all__ = [
    "LABEL_COLUMNS",
    "Track",
    "build",
    "build_plain",
    "context_line",
    "drafts",
    "labels",
    "notebook_text",
    "plain_tables",
    "tables",
    "untold",
    "without_pictures",
    "write_data",
]

_T = TypeVar("_T")

LABEL_COLUMNS = (
    *("item_id", "case_id", "dimension", "rater", "score", "rationale", "literal_score"),
)
"""Columns of `labels.csv`."""


class Track(Protocol):
    """Hands out what there is to do, and tells somebody how far it is."""

    def __call__(self, items: Sequence[_T], label: str, /) -> Iterable[_T]:
        """The items, in their order."""


def untold(items: Sequence[_T], label: str, /) -> Iterable[_T]:
    """A `Track` that tells nobody."""
    return items


def drafts(
    seed: int,
    cases: Sequence[Case] | None = None,
    *,
    plain: bool = False,
    track: Track = untold,
) -> list[Draft]:
    """All notebooks of a corpus before execution, sorted by item.

    Args:
        seed: 0 (reported) or 1 (development): whose realisations and authors write.
        cases: What is asked for; None for the cases of the seed.
        plain: The plain level instead of the real one.
        track: Told of each notebook that is composed.

    Raises:
        RequestError: If there are no cases for the seed.
    """
    if seed not in CASES:
        known = ", ".join(map(str, CASES))
        raise RequestError(f"seed={seed!r}: there are cases for seeds {known} only.")
    items = plan(CASES[seed] if cases is None else cases, seed, len(AUTHORS[seed]))
    items = plain_plan(items, seed) if plain else items
    in_order = sorted(items, key=lambda item: item.item_id)
    return [compose(item) for item in track(in_order, "composing notebooks")]


def build(out: Path, seed: int, *, track: Track = untold) -> None:
    """Write the corpus of a seed to a folder; the same bytes on the same versions.

    Args:
        out: Folder to write to; made where it is missing. Notebooks of other items are removed.
        seed: 0 (reported) or 1 (development).
        track: Told of each notebook that is composed, and of each that is written.

    Raises:
        RequestError: If there are no cases for the seed.
        DataError: If a cell raises that should not.
    """
    items = drafts(seed, track=track)
    folder = out / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for draft in track(items, "running notebooks"):
        text = notebook_text(execute_notebook(draft))
        (folder / f"{draft.item_id}.ipynb").write_text(text, encoding="utf-8")
    # Notebooks that an earlier build left and this one does not have.
    wanted = {f"{draft.item_id}.ipynb" for draft in items}
    for path in folder.glob("*.ipynb"):
        if path.name not in wanted:
            path.unlink()
    for name, text in tables(items, seed).items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")


def build_plain(out: Path, seed: int, *, track: Track = untold) -> None:
    """Write the plain level of a seed: three packed tables and a card; arguments as `build`.

    Parquet packs what notebooks share once; its bytes may differ from one release
    of pyarrow to the next, its rows do not.

    Raises:
        RequestError: If there are no cases for the seed.
        DataError: If a cell raises that should not.
    """
    items = drafts(seed, plain=True, track=track)
    contents = {}
    for draft in track(items, "running notebooks"):
        contents[draft.item_id] = notebook_text(without_pictures(execute_notebook(draft)))
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in plain_tables(items, seed, contents).items():
        _write_parquet(out / f"{name}.parquet", rows)
    text = plain_card(items, seed)
    (out / "README.md").write_text(text, encoding="utf-8", newline="\n")


def without_pictures(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The notebook without HTML and with empty pictures: views say of both what they did before."""
    for cell in content["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            data.pop("text/html", None)
            data.update({kind: "" for kind in data if kind == "image/png"})
    return content


def plain_tables(
    items: Sequence[Draft], seed: int, contents: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """Stem of a file -> its rows; `contents` are the notebooks by item, facets are JSON text."""
    item_rows = [{**_item_row(item), "content": contents[item.item_id]} for item in items]
    for row in item_rows:
        del row["path"]
    evidence_rows = [row for item in items for row in _evidence_rows(item)]
    evidence_rows = [
        {**row, "facets": json.dumps(row["facets"], sort_keys=True)} for row in evidence_rows
    ]
    return {"items": item_rows, "labels": labels(items, seed), "evidence": evidence_rows}


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(list(rows))
    # One page a column, so that what notebooks share is packed once.
    pq.write_table(
        table,
        path,
        compression="brotli",
        compression_level=11,
        use_dictionary=False,
        data_page_size=1 << 26,
        write_batch_size=len(rows),
    )


def tables(items: Sequence[Draft], seed: int) -> dict[str, str]:
    """Name of a file -> its text: everything in a bundle but the notebooks."""
    rows = labels(items, seed)
    return {
        "labels.csv": _csv_text(rows),
        "items.jsonl": _json_lines(map(_item_row, items)),
        "cases.jsonl": _json_lines(map(_case_row, _unique_cases(items))),
        "evidence.jsonl": _json_lines(row for item in items for row in _evidence_rows(item)),
        "README.md": card(items, rows, seed),
    }


def labels(items: Sequence[Draft], seed: int) -> list[dict[str, Any]]:
    """Rows of `labels.csv`: three raters and the gold score of every item and dimension."""
    writer = Writer(seed)
    ratings = {
        dimension: rate(seed, dimension, _rated_items(items, dimension)) for dimension in DIMENSIONS
    }
    rows: list[dict[str, Any]] = []
    for draft in items:
        for dimension in DIMENSIONS:
            rating = ratings[dimension][draft.item_id]
            for rater, score in {**rating.scores, GOLD: rating.gold}.items():
                row = {
                    "item_id": draft.item_id,
                    "case_id": draft.case.case_id,
                    "dimension": dimension,
                    "rater": rater,
                    "score": score,
                    "rationale": writer.write(draft, dimension, rater, score),
                    "literal_score": draft.literal[dimension],
                }
                rows.append(row)
    return rows


def _rated_items(items: Sequence[Draft], dimension: str) -> list[RatedItem]:
    """Items for the raters; borderline at score 2 or where the literal reading differs."""
    rated = []
    for draft in items:
        score, read = draft.rulings[dimension].score, draft.literal[dimension]
        rated.append(RatedItem(draft.item_id, score, score == 2 or score != read))
    return rated


def context_line(case: Case) -> str:
    """What there is to know about the data in one line."""
    frame = case.data()
    gaps = frame.isna().mean()
    shares = ", ".join(f"{name} {100 * gaps[name]:.1f} %" for name in gaps.index if gaps[name] > 0)
    target = f"target {case.target}"
    # The share of ones tells whether one class is rare.
    if case.task == "classification":
        target += f" ({100 * float(frame[case.target].mean()):.0f} % are 1)"
    return (
        f"{case.file}: {len(frame)} rows, {frame.shape[1]} columns; missing: {shares or 'none'};"
        f" {target}; time index: {case.time_index or 'none'}."
    )


def _item_row(draft: Draft) -> dict[str, Any]:
    case = draft.case
    return {
        "item_id": draft.item_id,
        "case_id": case.case_id,
        "prompt": case.prompt,
        "context": context_line(case),
        "kind": "notebook",
        "path": f"notebooks/{draft.item_id}.ipynb",
        "stratum": stratum(case),
    }


def _unique_cases(items: Sequence[Draft]) -> list[Case]:
    cases = {draft.case.case_id: draft.case for draft in items}
    return [cases[case_id] for case_id in sorted(cases)]


def _case_row(case: Case) -> dict[str, Any]:
    """A case as the evaluation loop gives it to agents."""
    rows = len(case.data())
    hurdles = [case.missing, case.imbalanced, case.time_index, case.wants_predictions]
    # A case is as complex as it has hurdles: gaps, a rare class, time, new rows.
    n_hurdles = sum(map(bool, hurdles))
    files = [case.file] if case.new_file is None else [case.file, case.new_file]
    return {
        "case_id": case.case_id,
        "prompt": case.prompt,
        "context": context_line(case),
        "domain": case.domain,
        "task_type": case.task,
        "size": "small" if rows < 1_000 else "medium" if rows < 20_000 else "large",
        "complexity": "low" if n_hurdles < 2 else "medium" if n_hurdles == 2 else "high",
        "dimensions": [name for name in DIMENSIONS if case.applies(name)],
        "data": files,
        "tags": [],
    }


def write_data(seed: int, case_id: str, folder: Path) -> None:
    """Write the data files of a case, always the same, to a folder.

    Raises:
        RequestError: If the seed has no such case.
    """
    case = {case.case_id: case for case in CASES.get(seed, ())}.get(case_id)
    if case is None:
        raise RequestError(f"seed={seed!r} has no case {case_id!r}.")
    case.data().to_csv(folder / case.file, index=False)
    if case.new_file is not None:
        case.new_data().to_csv(folder / case.new_file, index=False)


def _evidence_rows(draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "item_id": draft.item_id,
            "dimension": dimension,
            "realisation": draft.realisations[dimension],
            "facets": draft.facets[dimension],
            "reason": draft.rulings[dimension].reason,
            "score": draft.rulings[dimension].score,
            "literal_score": draft.literal[dimension],
            "evidence": [
                {"cell": exhibit.cell, "snippet": exhibit.snippet}
                for exhibit in draft.evidence[dimension]
            ],
        }
        for dimension in DIMENSIONS
    ]


def notebook_text(content: Mapping[str, Any]) -> str:
    """A notebook as it stands in its file."""
    text: str = nbformat.writes(nbformat.from_dict(content))
    return text if text.endswith("\n") else text + "\n"


def _json_lines(rows: Any) -> str:
    return "".join(
        json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n" for row in rows
    )


def _csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, LABEL_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()
