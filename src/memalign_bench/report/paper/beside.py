"""Short pages of the paper on further studies, from their own tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.errors import RecordError
from memalign_bench.report.numbers.alignments import UNALIGNED
from memalign_bench.report.numbers.contrasts import ALPHA, claimed_rows
from memalign_bench.report.numbers.frames import StudyFrames, load_study, rows_of
from memalign_bench.report.numbers.missing_answers import HANGS, UNEQUAL
from memalign_bench.report.numbers.pairs import parts_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import (
    METRIC_NAMES,
    listed,
    number,
    p_value,
    typographic,
    with_interval,
)
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["FIGURES", "beside"]

FIGURES: Mapping[str, str] = {
    "facts_seen": "Area under the ROC curve of the judge's probability that a planted fact holds,"
    " with 1.645 standard errors to either side; filled where the fact counts as seen.",
    "sight": "Fall of the error against the unaligned judge over the share of planted facts that"
    " are seen, a point a dimension and judge.",
}
"""Figures of a study that stand on its page, where it has them, with their captions."""

_EXAMPLE_SETTINGS = ("prompt.examples=", "prompt.rationales=", "view.example_tokens=")
"""Settings that the table has a column for."""


def beside(study: Path) -> dict[str, Any]:
    """A study in one paragraph and one table.

    Args:
        study: Its folder, with the tables of `memalign-bench report`.

    Raises:
        RecordError: If it has no records, or was not reported yet.
    """
    frames = load_study(study)
    summary, contrasts = (_read_table(study, name) for name in ("summary", "contrasts"))
    n_dimensions = summary["dimension"].nunique()
    layouts = _example_layouts(frames)
    judges = dict(list(summary.groupby(["variant", "backend"], sort=False)))
    # Means over some dimensions say nothing beside those over all.
    partial = [judge for judge, here in judges.items() if len(here) < n_dimensions]
    # One line per judge: the alignment, how examples are shown, and the means.
    rows = [
        [
            _short_variant(str(variant)),
            # A dash for judges that are shown no examples.
            layouts.get(str(variant), typographic("")),
            str(backend),
            *_level_cells(here),
        ]
        for (variant, backend), here in judges.items()
        if (variant, backend) not in partial
    ]
    caption = "Means over the dimensions, so without intervals. " if n_dimensions > 1 else ""
    if partial:
        names = listed([f"{_short_variant(str(name))} on {backend}" for name, backend in partial])
        caption += f"Not shown, since asked on some of them only: {names}. "
    return {
        "title": study.name.replace("_", " "),
        "sentences": [
            *_data_sentences(frames, summary),
            *_claim_sentences(contrasts),
            *_sight_sentences(study),
        ],
        "head": ["alignment", "examples", "judge", "MAE, raw", "MAE, batch", "rank correlation"],
        "rows": rows,
        "caption": f"Study {study.name}: errors and rank correlation. {caption}A dash: no number.",
        "figures": [
            {"file": f"generated/{study.name}-{name}.svg", "caption": words}
            for name, words in FIGURES.items()
            if (study / "figures" / f"{name}.svg").is_file()
        ],
    }


def _read_table(study: Path, name: str) -> pd.DataFrame:
    import pandas as pd

    file = study / "tables" / f"{name}.csv"
    if not file.is_file():
        raise RecordError(
            f"{file} does not exist; write it by `memalign-bench report study={study.name}`, or"
            f" leave the study out of beside=."
        )
    # Only an empty cell is missing: "None" or "NA" may be a name. Notes are texts even where all of
    # them are empty, of which pandas would make a column of reals.
    return pd.read_csv(file, keep_default_na=False, na_values=[""], dtype={"note": "str"})


def _sight_sentences(study: Path) -> Iterator[str]:
    """What the judge sees of planted facts, where it was asked for them."""
    if not (study / "tables" / "facts_seen.csv").is_file():
        return
    facts, parts = _read_table(study, "facts_seen"), _read_table(study, "headroom")
    for (dimension, backend), here in facts.groupby(["dimension", "backend"], sort=False):
        rows = parts[(parts["dimension"] == dimension) & (parts["backend"] == backend)]
        if rows["n_not_seen"].isna().any() or rows.empty:  # no grades, or of other items
            continue
        errors = [
            f"{number(row['mae'])} "
            + (
                "unaligned"
                if row["alignment"] == UNALIGNED
                else f"with {_short_variant(row['variant'])}"
            )
            for row in rows_of(rows)
        ]
        first = rows.iloc[0]
        yield (
            f"On {str(dimension).replace('_', ' ')} the judge on {backend} sees"
            f" {int(here['seen'].sum())} of {counted(len(here), 'planted fact')} and"
            f" {int(first['n_items'] - first['n_not_seen'])} of"
            f" {counted(int(first['n_items']), 'item')}. Its MAE is {listed(errors)}; the experts'"
            f" convention over what it sees would leave {number(first['convention_known'])}."
        )


def _data_sentences(frames: StudyFrames, summary: pd.DataFrame) -> Iterator[str]:
    first: Mapping[str, Any] = next(iter(frames.manifests.values()))
    parts = [
        f"{rows['n_items'].iloc[0]} on {str(name).replace('_', ' ')}"
        for name, rows in summary.groupby("dimension", sort=False)
    ]
    cases = frames.predictions["case_id"].nunique()
    seeds = counted(frames.predictions["fold_seed"].nunique(), "fold seed")
    yield (
        f"Data {first['dataset']['name']}; items: {listed(parts)}, over {counted(cases, 'case')};"
        f" {first['folds']} folds, {seeds}."
    )
    if first["dataset"].get("notice"):
        yield str(first["dataset"]["notice"])


def _example_layouts(frames: StudyFrames) -> dict[str, str]:
    """Variant that shows examples to a judge -> how it shows them."""
    rows = frames.predictions
    # None and [] alike: no example was shown.
    shown = set(rows.loc[rows["neighbour_ids"].map(bool), "variant"])
    layouts = {}
    for manifest in frames.manifests.values():
        if manifest["variant"] in shown and manifest["backend"] != NO_BACKEND:
            config = manifest["config"]
            prompt, tokens = config.get("prompt", {}), config["view"].get("example_tokens")
            place = "turns" if prompt.get("examples") == "turns" else "list"
            words = "grades alone" if prompt.get("rationales") is False else "with rationales"
            length = "whole" if tokens is None else f"{tokens} tokens each"
            layouts[manifest["variant"]] = f"{place}, {length}, {words}"
    return layouts


def _short_variant(variant: str) -> str:
    """The alignment, then what was set away from its default but how examples are shown.

    >>> _short_variant("episodic,memory.k=2,prompt.examples=turns,view.example_tokens=null")
    'episodic; k=2'
    >>> _short_variant("full,label_noise=0.2,prompt.order=[item,rubric]")
    'full; label_noise=0.2, order=[item,rubric]'
    """
    alignment, *settings = parts_of(variant)
    # Of the key only: a value may hold a dot too.
    keys_and_values = [
        setting.partition("=") for setting in settings if not setting.startswith(_EXAMPLE_SETTINGS)
    ]
    settings_text = ", ".join(
        f"{key.rpartition('.')[2]}{sign}{value}" for key, sign, value in keys_and_values
    )
    return alignment.replace("_", " ") + (f"; {settings_text}" if settings_text else "")


def _level_cells(rows: pd.DataFrame) -> list[str]:
    """Of one dimension with its interval; means of several."""
    first = rows_of(rows)[0]

    def mean(name: str) -> str:
        # pandas would take the mean over the dimensions that happen to have a value, which does not
        # stand beside one over all.
        return number(float(rows[name].mean(skipna=False)))

    # The study's tables hold no interval of a mean over dimensions.
    rho = mean("spearman")
    if len(rows) == 1:
        rho = with_interval(first["spearman"], first["spearman_low"], first["spearman_high"])
    if (rows["n_distinct_grades"] == 1).all() and first["backend"] == NO_BACKEND:
        rho = ""  # a constant ranks nothing
    return [typographic(text) for text in (mean("mae_raw"), mean("mae_batch"), rho)]


def _claim_sentences(contrasts: pd.DataFrame) -> Iterator[str]:
    # An empty note is an empty cell, which is read as missing.
    contrasts = contrasts.assign(note=contrasts["note"].fillna(""))
    claimed = claimed_rows(contrasts)
    for row in rows_of(contrasts[claimed]):
        gain = typographic(with_interval(row["improvement"], row["low"], row["high"], signed=True))
        came_out = (
            f"not tested ({row['note']})"
            if math.isnan(row["p_value"])
            else f"{gain}, p = {p_value(row['p_holm'])} after Holm, {_outcome(row)}"
        )
        yield (
            f"Claim, {_short_variant(row['variant'])} against {_short_variant(row['reference'])} on"
            f" {row['reference_backend']} ({row['dimension'].replace('_', ' ')},"
            f" {METRIC_NAMES[row['metric']]}, {row['reading']}): {came_out}."
        )
    # Everything that is no claim, by false discovery rate.
    rest = contrasts[~claimed]
    # Rows without a test have no q: NaN compares as false.
    discoveries = [row for row in rows_of(rest) if row["q_value"] <= ALPHA]
    parts = [
        f"{_short_variant(row['variant'])} against {_short_variant(row['reference'])} on"
        f" {row['reference_backend']} ({METRIC_NAMES[row['metric']]}, {row['reading']}):"
        f" {typographic(with_interval(row['improvement'], row['low'], row['high'], signed=True))}"
        + (" (which hangs on missing answers)" if HANGS in row["note"] else "")
        for row in discoveries
    ]
    yield (
        f"Of {counted(len(rest), 'exploratory comparison')} {len(discoveries)} have a share of"
        f" false discoveries of at most {ALPHA:.0%}" + (f": {listed(parts)}." if parts else ".")
    )


def _outcome(row: Mapping[str, Any]) -> str:
    if row["significant"]:
        told = "better" if row["improvement"] > 0 else "worse"
        return f"{told}, which hangs on missing answers" if HANGS in row["note"] else told
    if row["p_equivalent"] <= ALPHA:
        told = "equal within the margin"
        return f"{told}, which hangs on missing answers" if UNEQUAL in row["note"] else told
    return "which cannot be told from none"
