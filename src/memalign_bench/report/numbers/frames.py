"""The records of a study as data frames, checked so that nothing counts twice or is pooled wrongly.

Runs of one study may overlap (a run of three dimensions, later one of all nine). Rows that two runs
share must be equal in what decides numbers, and then count once.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.judging.contradiction import contradicting_grade
from memalign_bench.report.numbers.batch_reading import with_batch_reading
from memalign_bench.report.numbers.stored_columns import (
    frame_of,
    pooled_frame,
    read_named,
    with_names,
)
from memalign_bench.scales import plain_number
from memalign_bench.study import records
from memalign_bench.study.registered.registering import read_plan
from memalign_bench.study.registered.study_plan import StudyPlan
from memalign_bench.types import Grade, Scale

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "DECIDING_COLUMNS",
    "SHARED_KEY",
    "StudyFrames",
    "load_study",
    "private_texts",
    "rows_of",
]

SHARED_KEY = ("variant", "backend", "model", "item_id", "dimension", "fold_seed", "repeat")
"""What makes two rows of different runs the same row."""

DECIDING_COLUMNS = (
    "dataset",
    "case_id",
    "fold",
    "alignment",
    "expert_score",
    "judge_score_raw",
    "judge_expected",
    "distribution",
    "status",
)
"""What must then be equal: everything that decides a number of the tables. The batch reading is
derived from the distributions and is taken anew."""


@dataclass(frozen=True)
class StudyFrames:
    """The records of all runs of a study, as data frames.

    Columns of ids (run, item, case and the like) are categorical, so that a million rows fit.

    Attributes:
        path: The study's folder.
        predictions: `predictions.parquet` of all runs, shared rows once; `expert_score` is missing
            where the expert says N/A; `judge_score_batch` is taken anew within folds, and two
            columns are added: `judge_expected_batch`, the expected grade after batch calibration
            (missing where the calibrated grade is), and `contradicting`, the grade that a rationale
            names where that is another than the judge's own (missing where it is not).
        timings: `timings.parquet` of all runs, with the columns `run_id`, `variant`, `backend`.
        items: The study's `items.parquet`, one row per (item, dimension, view); N/A is missing.
        memory: The cells of every `memory.json`, each with `run_id`, `variant`, `alignment` and
            `backend` added.
        manifests: Run id -> its manifest.
        grades: The scale's grades, rising.
        words: The scale's words, in the order of the grades.
        dimensions: Dimension name -> title, in the rubric's order; those with predictions only.
        plan: The plan that was registered before the first call; None where there is none.
        as_stored: Whether these are the stored records as `load_study` read them; what `replace`
            makes of them is not.
    """

    path: Path
    predictions: pd.DataFrame
    timings: pd.DataFrame
    items: pd.DataFrame
    memory: tuple[dict[str, Any], ...]
    manifests: Mapping[str, dict[str, Any]]
    grades: tuple[Grade, ...]
    words: tuple[str, ...]
    dimensions: Mapping[str, str]
    plan: StudyPlan | None = None
    as_stored: bool = field(default=False, init=False)

    @property
    def scale(self) -> Scale:
        """The grades with their words."""
        return Scale(self.grades, self.words)


def load_study(path: str | Path) -> StudyFrames:
    """Read the records of every run of a study.

    Args:
        path: The study's folder (`results/NAME`).

    Raises:
        RequestError: If there is no run.
        RecordError: If a file is missing, cannot be read or is not the one its
            manifest names, if runs differ in data, gold or scale, if one backend stands for two
            models, or if two runs share a row and differ in it.
    """
    path = Path(path)
    manifests = _read_manifests(path)
    rubric = _common_rubric(manifests)
    grades = tuple(map(plain_number, rubric["grades"]))
    # Every run's records, with the columns that say which run they are of.
    predictions, timings, memory = [], [], []
    for run_id, manifest in manifests.items():
        folder = path / "runs" / run_id
        identity = {"run_id": run_id, **{k: manifest[k] for k in ("variant", "backend")}}
        predictions.append(_read_predictions(folder, manifest))
        timing = read_named(folder / "timings.parquet", records.timings_schema())
        timings.append(with_names(timing, identity))
        cells = _read_cells(folder / "memory.json")
        memory += [{**cell, "alignment": manifest["alignment"], **identity} for cell in cells]
    # Pooled only after the two checks that keep a number from counting twice or from mixing models.
    scale = Scale(grades, tuple(str(word) for word in rubric["words"]))
    rows = pooled_frame(predictions, grades, partial(_unshared_places, grades=grades))
    rows = _with_contradictions(rows, scale)
    _check_one_model_per_backend(rows)
    present = set(rows["dimension"].unique())
    frames = StudyFrames(
        path=path,
        predictions=rows,
        timings=pooled_frame(timings, ()),
        items=frame_of(records.read_table(path / "items.parquet", records.items_schema()), grades),
        memory=tuple(memory),
        manifests=manifests,
        grades=grades,
        words=scale.words,
        dimensions={
            name: title for name, title in _dimension_titles(manifests).items() if name in present
        },
        plan=read_plan(path),
    )
    object.__setattr__(frames, "as_stored", True)  # the one place that may say so
    return frames


def _read_manifests(path: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path.glob("runs/*/manifest.json"))
    if not files:
        # Studies beside this one that have runs, for the hint.
        others = {file.parents[2].name for file in path.parent.glob("*/runs/*/manifest.json")}
        close = difflib.get_close_matches(path.name, sorted(others), n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise RequestError(
            f"{path} holds no run; do `memalign-bench run study={path.name}` first"
            f" (with results_dir= if the study lies elsewhere).{hint}"
        )
    # Later code may rely on these keys, so they are checked once, here.
    manifests = {file.parent.name: records.read_json(file) for file in files}
    needed = ("run_id", "variant", "alignment", "backend", "rubric", "dataset")
    problems = [
        f"runs/{name}/manifest.json lacks {key!r}"
        for name, manifest in manifests.items()
        for key in needed
        if key not in manifest
    ]
    problems += [
        f"runs/{name}/manifest.json belongs to run {manifest['run_id']!r}"
        for name, manifest in manifests.items()
        if manifest.get("run_id", name) != name
    ]
    if problems:
        raise RecordError(f"{path}: " + "; ".join(problems) + "; delete these runs and run again.")
    return manifests


def _common_rubric(manifests: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Check that the runs have one data set, gold and scale; return the rubric's entry.

    A rubric may be swept (it is part of the variant then), but one that bears the same name and
    was asked for the same dimensions must hold the same text.
    """
    seen: dict[str, dict[str, list[str]]] = {}
    for run_id, manifest in manifests.items():
        data, rubric = manifest["dataset"], manifest["rubric"]
        # The dimensions are part of the key: a digest covers only what was asked, so runs of three
        # and of nine dimensions differ in it rightly.
        text_key = f"text of rubric {rubric.get('name')!r} for {manifest.get('dimensions')}"
        for what, value in (
            ("dataset.name", data.get("name")),
            ("dataset.digest (items, limit, labels)", data.get("digest")),
            ("dataset.gold", data.get("gold")),
            ("rubric.grades", rubric["grades"]),
            ("rubric.words", rubric["words"]),
            (text_key, rubric.get("digest")),
        ):
            seen.setdefault(what, {}).setdefault(repr(value), []).append(run_id)
    problems = [
        f"{what}: " + ", ".join(f"{value} in {runs}" for value, runs in values.items())
        for what, values in seen.items()
        if len(values) > 1
    ]
    if problems:
        raise RecordError(
            "the runs of a study share one data set, one gold and one scale, but these differ: "
            + "; ".join(problems)
            + ". Give one of them a study of its own (study=NAME)."
        )
    entry: dict[str, Any] = next(iter(manifests.values()))["rubric"]
    return entry


def _dimension_titles(manifests: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    titles: dict[str, str] = {}
    # The run with the most dimensions sets the order; narrower runs only add what it lacks.
    most_dimensions_first = sorted(
        manifests.values(), key=lambda m: -len(m["rubric"]["dimensions"])
    )
    for manifest in most_dimensions_first:
        for entry in manifest["rubric"]["dimensions"]:
            titles.setdefault(entry["name"], entry["title"])
    for manifest in manifests.values():
        for name in manifest.get("dimensions", ()):
            titles.setdefault(name, name)
    return titles


def _read_cells(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        raise RecordError(f"{path} is missing; run the study again to complete it.")
    return records.read_cells(path)


def _read_predictions(folder: Path, manifest: Mapping[str, Any]) -> pa.Table:
    """A run's predictions as stored, but for the batch reading, which is taken anew."""
    path = folder / "predictions.parquet"
    table = read_named(path, records.predictions_schema())
    recorded_sha256 = manifest.get("predictions_sha256")
    if recorded_sha256 and records.sha256_of(path) != recorded_sha256:
        raise RecordError(
            f"{path} is not the file that its manifest names (sha256 differs);"
            " run the study again to complete it."
        )
    try:
        return with_batch_reading(table, manifest["rubric"]["grades"])
    except ValueError as error:
        raise RecordError(f"{path}: {error}; delete this run and run again.") from error


def _with_contradictions(rows: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    import pandas as pd

    judge_grades = rows["judge_score_raw"].fillna(rows["judge_score"])

    @cache  # a certain judge gives many items the same rationale
    def contradicting(rationale: str, grade: Grade) -> Grade | None:
        return contradicting_grade(rationale, plain_number(grade), scale)

    contradictions = [
        contradicting(rationale, grade)
        if isinstance(rationale, str) and not pd.isna(grade)
        else None
        for rationale, grade in zip(rows["rationale"], judge_grades, strict=True)
    ]
    whole_grades = all(float(grade).is_integer() for grade in scale.grades)
    return rows.assign(
        contradicting=pd.array(contradictions, dtype="Int64" if whole_grades else "Float64")
    )


def _unshared_places(pooled: pa.Table, grades: Sequence[Grade]) -> NDArray[np.intp]:
    """Places of the rows in the frame's order, each shared row once, as the first run by id has it.

    Raises:
        RecordError: If two of them differ; names runs, row and columns.
    """
    order = ["dimension", "backend", "variant", "fold_seed", "item_id", "repeat"]
    keys = frame_of(pooled.select(list(SHARED_KEY)), ())
    in_order = keys.sort_values(order, kind="stable")
    shared = keys.duplicated(list(SHARED_KEY), keep=False)
    if shared.any():
        _check_alike(frame_of(pooled.filter(shared.to_numpy()), grades))
        in_order = in_order.drop_duplicates(list(SHARED_KEY))
    return in_order.index.to_numpy()


def _check_alike(shared: pd.DataFrame) -> None:
    """Refuse shared rows that differ in what decides numbers."""
    key = list(SHARED_KEY)
    # `drop_duplicates` hashes, and lists cannot be hashed.
    comparable = shared.assign(distribution=shared["distribution"].map(str))
    distinct = shared.loc[comparable.drop_duplicates([*key, *DECIDING_COLUMNS]).index]
    problems = []
    for _, group in distinct[distinct.duplicated(key, keep=False)].groupby(key, sort=True):
        first = group.iloc[0]
        for _, other in group.iloc[1:].iterrows():
            differ = [
                name for name in DECIDING_COLUMNS if not _same_value(first[name], other[name])
            ]
            if differ:
                problems.append(_conflict_message(first, other, differ))
    if problems:
        shown = "\n  ".join(problems[:20])
        more = f"\n  ... and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise RecordError(
            f"two runs of the study share {len(problems)} row(s) and contradict one another;"
            f" delete the run that should not count:\n  {shown}{more}"
        )


def _conflict_message(first: pd.Series[Any], other: pd.Series[Any], differ: Sequence[str]) -> str:
    row = ", ".join(f"{name}={first[name]}" for name in SHARED_KEY)
    values = ", ".join(f"{name} {first[name]} and {other[name]}" for name in differ)
    return f"runs {first['run_id']} and {other['run_id']}, row {row}: {values}"


def _same_value(left: Any, right: Any) -> bool:
    """Whether two stored values are equal, where missing equals missing only."""
    import pandas as pd

    if isinstance(left, list) or isinstance(right, list):
        return bool(left == right)
    if pd.isna(left) or pd.isna(right):
        return bool(pd.isna(left) and pd.isna(right))
    return bool(left == right)


def _check_one_model_per_backend(rows: pd.DataFrame) -> None:
    served = rows[["backend", "model"]].drop_duplicates().groupby("backend")["model"].agg(sorted)
    problems = [f"{name} is {', '.join(models)}" for name, models in served.items() if models[1:]]
    if problems:
        raise RecordError(
            "one backend name stands for several models, which would be pooled: "
            + "; ".join(problems)
            + ". Give each a study (study=NAME) or a backend YAML of its own."
        )


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame by column name."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def private_texts(frames: StudyFrames) -> bool:
    """Whether the study's texts may not be shown."""
    return any(
        "private" in (manifest.get("texts"), manifest.get("dataset", {}).get("texts"))
        for manifest in frames.manifests.values()
    )
