"""Every committed study as first read, beside its tables of today, and what changed a verdict.

`first_reading.parquet` beside this file holds the tables of before reading, intervals and family of
claims changed. `python experiments/reading_anew/reading_anew.py` sets it against `results/` and
writes `tables.md`; given a folder of results as they were then (`git archive 5affb2f results`), it
writes `first_reading.parquet` from that before. No model is asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from memalign_bench.report.prose import number, p_value, with_interval

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "results"
FIRST = HERE / "first_reading.parquet"
SHOWN = ["none", "semantic", "episodic", "full", "random_neighbours", "shuffled_labels"]
SHOWN += ["median_label", "knn_vote"]
"""Alignments whose levels are set side by side; the others are in the studies' own tables."""

LEVEL = 0.05
ALIKE = 1e-6
"""The tables have six decimals."""

EQUAL = "equal within the margin"
KEYS = ["study", "dimension", "metric", "reading", "variant", "backend"]
KEYS += ["reference", "reference_backend"]
COMPARED = ["improvement", "low", "high", "p_value", "p_holm", "significant"]
LEVELS = ["study", "dimension", "variant", "alignment", "backend", "mae", "spearman"]
SILENT = ["n_failed", "n_abstained"]


def main(words: Sequence[str]) -> None:
    """Write what lies beside this file."""
    if words:
        first = pd.concat([contrasts(Path(words[0])), levels(Path(words[0]))], ignore_index=True)
        first.to_parquet(FIRST, index=False)
    (HERE / "tables.md").write_text(tables(), encoding="utf-8")


def tables() -> str:
    """The tables, from the first reading as kept and `results/` as it is."""
    first = pd.read_parquet(FIRST)
    then = first[first["improvement"].notna()][[*KEYS, "own", *COMPARED]]
    before = first[first["mae"].notna()]
    now, present = (_of(table, before["study"]) for table in (contrasts(RESULTS), levels(RESULTS)))
    names = ("_then", "_now")
    rows = then.merge(now, "outer", KEYS, suffixes=names, indicator="seen")
    same = [name for name in KEYS if name != "reading"]
    claims = [table[table["p_holm"].notna()] for table in (then, now)]
    both = before[LEVELS].merge(present, "left", LEVELS[:5], suffixes=("_then", ""))
    parts = [
        "# Then and now",
        "Written by `reading_anew.py` from `first_reading.parquet` and `results/`.",
        "## The claims: both memories against none in MAE, in the study's own reading",
        _table(
            "study, judge, dimension, improvement then, p (Holm), improvement now, p (Holm),"
            " verdict then, verdict now, what changed the numbers",
            _claims(claims[0].merge(claims[1], "outer", same, suffixes=names)),
        ),
        "## All contrasts",
        _table(
            "study, contrasts then, without a reading now, said to be significant then,"
            " significant now, q at most 0.05 now, p at most 0.05 then, now,"
            " equal within the margin now, interval against its p then, now",
            _counts(rows),
        ),
        "## What became of the contrasts that were said to be significant",
        _table("study, became, because of, contrasts", _fates(rows)),
        "## Levels: means over dimensions and variants",
        _table(
            "study, alignment, judge, MAE then, MAE now, rank correlation then, now",
            _levels(both),
        ),
        "- Then: the batch reading pooled over folds, BCa intervals, p of sign flips or swaps, each"
        " exploratory contrast marked significant by its own p. A dash: no such number. Contrasts"
        " of what was run since are not counted.",
        "- MAE in the study's own reading; raw now where folds have under ten answers.",
        f"- Answers that failed or were abstentions, in all of these studies:"
        f" {int(present[SILENT].sum().sum())}; what a missing answer costs changes what follows"
        f" from {int((present[SILENT].sum(axis=1) > 0).sum())} of {len(present)} rows.",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def contrasts(results: Path) -> pd.DataFrame:
    """Rows of all `contrasts.csv` below a folder of results, with the study's own reading."""
    found = []
    for file in sorted(results.glob("*/tables/contrasts.csv")):
        table = pd.read_csv(file, keep_default_na=False, na_values=[""])
        study = file.parents[1]
        manifest = next((RESULTS / study.name / "runs").glob("*/manifest.json"))
        own = "batch" if json.loads(manifest.read_text())["calibration"] == "batch" else "raw"
        kept = [name for name in ("q_value", "p_equivalent") if name in table]
        table = table.assign(study=study.name, own=own)
        found.append(table[[*KEYS, "own", "alignment", *COMPARED, *kept]])
    return pd.concat(found, ignore_index=True)


def levels(results: Path) -> pd.DataFrame:
    """Rows of all `summary.csv` below a folder of results."""
    files = sorted(results.glob("*/tables/summary.csv"))
    read = [pd.read_csv(file).assign(study=file.parents[1].name) for file in files]
    return pd.concat(read, ignore_index=True)[LEVELS + SILENT]


def _of(table: pd.DataFrame, studies: pd.Series) -> pd.DataFrame:
    return table[table["study"].isin(set(studies))]


def why(row: pd.Series) -> str:
    """What changed a contrast, by what of it differs."""
    if row["seen"] == "left_only" or row["own_then"] != row["own_now"]:
        return "the reading within folds: a fold of under ten answers has none"
    if abs(row["improvement_then"] - row["improvement_now"]) > ALIKE:
        return "the reading within folds"
    if (row["p_value_then"] <= LEVEL) != (row["p_value_now"] <= LEVEL):
        return "interval and p from one method"
    return "the family: only claims can be significant, the rest has a q"


def _claims(rows: pd.DataFrame) -> Iterator[list[str]]:
    """One line a claim; `rows` holds then and now, matched but for the reading."""
    for _, row in rows.sort_values(["study", "reference_backend", "dimension"]).iterrows():
        yield [
            row["study"],
            row["reference_backend"],
            row["dimension"],
            *(text for when in ("then", "now") for text in _numbers(row, when)),
            _verdict(row, "then"),
            _verdict(row, "now"),
            "; ".join(_claim_why(row)),
        ]


def _claim_why(row: pd.Series) -> Iterator[str]:
    if pd.isna(row["improvement_then"]):
        yield "run since"
    elif row["reading_then"] != row["reading_now"]:
        yield "folds of under ten answers have no batch reading: the raw one"
    elif abs(row["improvement_then"] - row["improvement_now"]) > ALIKE:
        yield "the reading within folds"
    elif max(abs(row[f"{name}_then"] - row[f"{name}_now"]) for name in ("low", "high")) > ALIKE:
        yield "the interval's method"
    elif pd.isna(row["low_now"]):
        yield "an interval that is not certified"
    if _verdict(row, "now") == EQUAL:
        yield "equality is tested for itself"


def _numbers(row: pd.Series, when: str) -> list[str]:
    told = [row[f"{name}_{when}"] for name in ("improvement", "low", "high")]
    return [with_interval(*told, signed=True), p_value(row[f"p_holm_{when}"])]


def _verdict(row: pd.Series, when: str) -> str:
    if pd.isna(row[f"improvement_{when}"]):
        return ""
    if _true(row[f"significant_{when}"]):
        return "better" if row[f"improvement_{when}"] > 0 else "worse"
    return EQUAL if when == "now" and row["p_equivalent"] <= LEVEL else "cannot be told"


def _counts(rows: pd.DataFrame) -> Iterator[list[str]]:
    rows = rows[rows["seen"] != "right_only"]  # what was run since has no "then"
    total = pd.concat([rows, rows.assign(study="all")])
    for study, here in total.groupby("study", sort=False):
        now = here[here["seen"] == "both"]
        numbers = [
            len(here),
            int((here["seen"] == "left_only").sum()),
            int(here["significant_then"].map(_true).sum()),
            int(now["significant_now"].map(_true).sum()),
            int((now["q_value"] <= LEVEL).sum()),
            int((here["p_value_then"] <= LEVEL).sum()),
            int((now["p_value_now"] <= LEVEL).sum()),
            int((now["p_equivalent"] <= LEVEL).sum()),
            *(int(_contradicts(here, when).sum()) for when in ("then", "now")),
        ]
        yield [str(study), *map(str, numbers)]


def _contradicts(rows: pd.DataFrame, when: str) -> pd.Series:
    low, high = rows[f"low_{when}"], rows[f"high_{when}"]
    told = low.notna() & rows[f"p_value_{when}"].notna()
    return told & (((low > 0) | (high < 0)) != (rows[f"p_value_{when}"] <= LEVEL))


def _fates(rows: pd.DataFrame) -> Iterator[list[str]]:
    marked = rows[rows["significant_then"].map(_true)]
    told = marked.assign(
        became=[_fate(row) for _, row in marked.iterrows()],
        because=[why(row) for _, row in marked.iterrows()],
    )
    for key, here in told.groupby(["study", "became", "because"]):
        yield [*key, str(len(here))]


def _fate(row: pd.Series) -> str:
    if row["seen"] == "left_only":
        return "no reading"
    if row["p_value_now"] > LEVEL:
        return "p over 0.05"
    return "q at most 0.05" if row["q_value"] <= LEVEL else "p at most 0.05, q over it"


def _levels(rows: pd.DataFrame) -> Iterator[list[str]]:
    chosen = rows[rows["alignment"].isin(SHOWN)]
    for (study, alignment, backend), here in chosen.groupby(["study", "alignment", "backend"]):
        means = here[["mae_then", "mae", "spearman_then", "spearman"]].mean()
        yield [study, alignment, backend, *(number(value) for value in means)]


def _true(value: object) -> bool:
    return str(value).lower() == "true"


def _table(heads: str, rows: Iterator[list[str]]) -> str:
    names = heads.split(", ")
    lines = [names, ["---"] * len(names), *([cell or "-" for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
