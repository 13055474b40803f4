"""What each entry of memory was worth, with suspected label errors first.

An example is suspected of a wrong label on two grounds: over all held-out items together its
presence raises the error, and the judge, asked about the example's own item, whose label it then
does not see, gives another grade. One that does harm with a label that the judge would itself have
given is likelier a right label that does not carry over. Harm is not narrowed to answers that move
towards the label: even of a judge that answers by chance, a wrong label would then seem to harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.errors import RecordError
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import private_texts
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import Column, count, interval, judge_columns, real, word
from memalign_bench.report.tables.table import Table
from memalign_bench.scales import plain_number
from memalign_bench.stats.resampling.sign_flips import sign_flips
from memalign_bench.stats.resampling.units import resampling_units
from memalign_bench.study import records
from memalign_bench.study.running.attribution import FILE
from memalign_bench.types import Scale

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["COLUMNS", "SURE", "WEAK", "numbers", "table"]


COLUMNS = (
    "variant",
    "alignment",
    "backend",
    "dimension",
    "rank",
    "suspicion",
    "kind",
    "entry",
    "label",
    "own",
    "n_rows",
    "n_items",
    "n_cases",
    "n_silent",
    "effect",
    "effect_low",
    "effect_high",
    "effect_grade",
    "cost",
    "text",
)

SURE, WEAK = "yes", "weak"

_JUDGE = ["variant", "backend", "dimension"]
_QUESTION = ["dimension", "item_id", "fold_seed", "repeat"]


_CONTRADICTION = 0.5
"""A label this far (in `Scale.unit`) from the judge's own grade is contradicted by it."""


_NUMBERS = (
    "label",
    "judge_score",
    "judge_expected",
    "judge_score_without",
    "judge_expected_without",
    "effect",
    "effect_grade",
)
"""Columns of numbers that may be missing."""


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per judge, dimension and entry of memory that a graded held-out item was shown.

    An example is one entry wherever its item stood with this label: in all folds that train on it,
    all fold seeds and repeats. A guideline belongs to one fold. Effects are in grades, of the
    expected grade where there is a distribution and of the grade else, in the judge's own (raw)
    reading; `effect` is the mean over answers, above 0 where the entry helped, with the 95 %
    interval of the inverted sign-flip test over cases of the held-out items, where these are
    enough. Answers that are missing without the entry (`n_silent`) are in no mean.

    `cost` is what the entry cost all held-out items together, in grades: minus the sum of its
    effects; a total, since one answer is no ground for a high place.
    `own` is the grade that the judge gave the example's item when that was held out. `suspicion` is
    `yes` for an example with `cost` above 0 and half a grade or more between `own` and its label,
    `weak` where only the former holds. `rank` counts from 1 within judge and dimension: suspicion
    first, then by `cost`; the others by effect, harm first.

    Returns:
        `COLUMNS`; no row where no run was attributed.
    """
    import pandas as pd

    frames = analysis.frames
    rows = _attributed_answers(frames)
    if not len(rows):
        return pd.DataFrame(columns=list(COLUMNS))
    own_grades = _own_grades(frames)
    texts = _guideline_texts(frames)
    n_cases = frames.predictions["case_id"].nunique()
    lines: list[dict[str, Any]] = []
    for judge, answers in rows.groupby(_JUDGE, sort=False):
        entries = []
        for line in _entry_rows(answers, texts, n_cases):
            # The entry of a guideline is no item's id: it finds none.
            own = own_grades.get((*map(str, judge), line["entry"]), np.nan)
            names = dict(zip(_JUDGE, judge, strict=True)) | {"own": own}
            entries.append(names | line | {"suspicion": _suspicion(line, own, frames.scale)})
        entries.sort(key=_sort_key)
        lines += [line | {"rank": rank} for rank, line in enumerate(entries, start=1)]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    # Nullable, since a missing label would make floats of whole ones.
    label = "Int64" if frames.scale.is_whole else "float64"
    return frame.astype({"label": label, "own": "float64", "effect_grade": "float64"})


def _attributed_answers(frames: StudyFrames) -> pd.DataFrame:
    """Rows of every attribution that a manifest names, those that runs share once."""
    import pandas as pd

    parts = []
    for run_id, manifest in frames.manifests.items():
        recorded, path = manifest.get("attribution"), frames.path / "runs" / run_id / FILE
        if not recorded:
            continue
        if not path.is_file() or records.sha256_of(path) != recorded["sha256"]:
            raise RecordError(
                f"{path} is not the file that its manifest names; run the study again with"
                " attribute=true to complete it."
            )
        rows = pd.DataFrame(records.read_rows(path, records.attribution_schema()))
        # Made from plain rows, where a column of nothing but None is one of objects.
        rows = rows.astype(dict.fromkeys(_NUMBERS, "float64"))
        names = {name: manifest[name] for name in ("variant", "alignment", "backend")}
        parts.append(rows.assign(run_id=run_id, **names))
    if not parts:
        return pd.DataFrame()
    rows = pd.concat(parts, ignore_index=True)
    # Runs may overlap: an effect that two of them measured counts once.
    return rows.drop_duplicates(["variant", "backend", *_QUESTION, "kind", "place"])


def _own_grades(frames: StudyFrames) -> Mapping[tuple[Any, ...], float]:
    """(Variant, backend, dimension, item) -> the mean grade that it was given when held out."""
    rows = frames.predictions
    # Verdicts have no distribution: the grade itself stands in.
    grades = rows["judge_expected"].fillna(rows["judge_score_raw"].astype("float64"))
    means = rows.assign(grade=grades).groupby([*_JUDGE, "item_id"])["grade"].mean()
    keys: list[tuple[Any, ...]] = means.index.to_list()
    return {key: float(value) for key, value in zip(keys, means, strict=True)}


def _guideline_texts(frames: StudyFrames) -> Mapping[tuple[Any, ...], str]:
    """(Run, dimension, fold, place) -> a guideline's text; nothing where texts are private."""
    if private_texts(frames):
        return {}
    return {
        (cell["run_id"], cell["dimension"], cell["fold"], place): line["text"]
        for cell in frames.memory
        for place, line in enumerate(cell.get("guidelines", ()))
    }


def _entry_rows(
    answers: pd.DataFrame,
    texts: Mapping[tuple[Any, ...], str],
    n_cases: int,
) -> Iterator[dict[str, Any]]:
    """A line for each example, and for each guideline of each fold."""
    alignment = answers["alignment"].iloc[0]
    examples = answers[answers["kind"] == "example"]
    # N/A may be stored as missing: by default pandas leaves out groups of a missing key.
    for (entry, _), part in examples.groupby(["entry", "label"], dropna=False):
        yield {"alignment": alignment, "entry": entry, **_entry_row(part, n_cases), "text": ""}
    guidelines = answers[answers["kind"] == "guideline"]
    for (seed, fold, place), part in guidelines.groupby(["fold_seed", "fold", "place"]):
        first = part.iloc[0]
        text = texts.get((first["run_id"], first["dimension"], fold, place), "")
        entry = f"fold {fold} of seed {seed}, no. {first['entry']}"
        yield {
            "alignment": alignment,
            "entry": entry,
            **_entry_row(part, n_cases),
            "text": text,
        }


def _entry_row(part: pd.DataFrame, n_cases: int) -> dict[str, Any]:
    """Effect and cost of one entry over a part of a study's cases, of which it has `n_cases`."""
    first = part.iloc[0]
    label = None if np.isnan(float(first["label"])) else plain_number(first["label"])
    effects = _effects(part)
    answered = ~np.isnan(effects)
    cases = part["case_id"].to_numpy(dtype=np.str_)[answered]
    low = high = np.nan
    # Sign flips of no answer raise.
    if answered.any():
        # Of a very large study in the groups of cases that every other interval takes.
        units = resampling_units(cases, n_cases)
        low, high = sign_flips(effects[answered], units).interval()[:2]
    if np.isinf(low):  # too few cases to exclude anything
        low = high = np.nan
    effect = float(effects[answered].mean()) if answered.any() else np.nan
    return {
        "kind": first["kind"],
        "label": label,
        "n_rows": int(answered.sum()),
        "n_items": part["item_id"][answered].nunique(),
        "n_cases": len(set(cases)),
        "n_silent": int((~answered).sum()),
        "effect": effect,
        "effect_low": low,
        "effect_high": high,
        "effect_grade": float(part["effect_grade"].astype(float).mean()),
        # `0.0 -` rather than a sign, which would show -0 where nothing was lost.
        "cost": float(0.0 - effects[answered].sum()),
    }


def _suspicion(line: Mapping[str, Any], own: float, scale: Scale) -> str:
    # N/A is no grade: no answer can lie far from it.
    if line["kind"] != "example" or line["label"] not in scale.grades or line["cost"] <= 0:
        return ""
    # Without a grade of its own (NaN, never as large) the judge contradicts nothing.
    return SURE if abs(own - line["label"]) >= _CONTRADICTION * scale.unit else WEAK


def _effects(part: pd.DataFrame) -> NDArray[np.float64]:
    """Effects on the expected grade, or on the grade where there are no distributions."""
    graded = part["effect_grade"].to_numpy(dtype=float)
    expected = part["effect"].to_numpy(dtype=float)
    # Rounded, since sums that differ in the last bit are no effect.
    effects = np.where(np.isnan(expected), graded, expected)
    return np.round(effects, 12).astype(np.float64)


def _sort_key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    suspicion_rank = {SURE: 0, WEAK: 1}.get(line["suspicion"], 2)
    # Suspects by what they cost in total, all others by their mean effect.
    harm = -line["cost"] if suspicion_rank < 2 else line["effect"]
    return (
        suspicion_rank,
        bool(np.isnan(harm)),  # last: NaN is neither less nor more than a number
        harm,
        line["kind"],
        line["entry"],
        line["label"] or 0,  # None cannot be compared
    )


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        *judge_columns(analysis.frames.dimensions),
        word("suspected label error", "suspicion"),
        word("kind", "kind"),
        word("entry", "entry"),
        count("label", "label"),
        real("judge on it", "own", help="the judge's grade of the example's own item"),
        count("items", "n_items"),
        count("cases", "n_cases"),
        interval("effect", "effect", signed=True, help="above 0 it helped", unit="grades"),
        real("on grades", "effect_grade", signed=True, unit="grades"),
        real("cost", "cost", signed=True, help="over all held-out items together",
             unit="grades"),
        Column("silent", lambda row: str(row["n_silent"] or ""),
               lambda row: float(row["n_silent"]), help="answers missing without the entry"),
        word("text", "text"),
    ]  # fmt: skip
    return Table(numbers, columns, _notes(numbers))


def _notes(table: pd.DataFrame) -> list[str]:
    examples = table[table["kind"] == "example"]
    sure, weak = (int((table["suspicion"] == level).sum()) for level in (SURE, WEAK))
    tried = int(examples["effect_high"].notna().sum())
    below = int((examples["effect_high"] < 0).sum())
    return [
        "Effect: the error on held-out items without the entry less the error with it, in grades,"
        " raw reading, mean over the items that were shown it; above 0 it helped. Where an example"
        " is left out, the next nearest takes its place. Intervals by sign flips over cases,"
        " where there are cases enough for one.",
        "Cost: minus the sum of the effects, in grades over all items. Judge on it: the grade that"
        " the judge gave the example's own item when that was held out, its label unseen.",
        "Suspected label error: an example that cost more than it gave; yes where the judge also"
        f" contradicts its label by {_CONTRADICTION} grades or more, weak where not: then it may be"
        " a right label that does not carry over to its neighbours. Suspects stand first, by cost:"
        f" {sure} and {weak} of {len(examples)} examples. They say where to look; nothing is"
        " corrected by them.",
        # One interval of 95 % in forty lies wholly below the truth by chance.
        f"Exploratory and uncorrected: {below} of {tried} examples with an interval have one below"
        f" 0, and {tried * 0.025:.1f} would by chance if no example did anything.",
    ]
