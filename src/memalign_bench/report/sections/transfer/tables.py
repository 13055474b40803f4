"""What memory made by one model is worth to another judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS, by_dimension
from memalign_bench.report.numbers.paired_answers import paired_rows
from memalign_bench.report.numbers.pairs import Pair, pairs_of
from memalign_bench.report.numbers.readings import NO_ANSWERS
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, dimension_column, real, word
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "NOBODY", "numbers", "table"]

COLUMNS = (
    "dimension",
    "variant",
    "alignment",
    "distilled_by",
    "examples_by",
    "backend",
    "n_items",
    "mae",
    "mae_unaligned",
    "gained",
)

NOBODY = "none"
"""Who made a memory that is switched off."""

_EXPERT_WORDS = "the experts' own words"
_MODELS = "reflection", "embedding"


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension and judge with memories, and the mean over several dimensions.

    `distilled_by` is the model that wrote the guidelines, `examples_by` what embedded items for
    finding examples, `gained` the unaligned error of the same backend less this one's. All three
    means are over the rows that both have, paired by item, fold seed and repeat.

    Returns:
        `COLUMNS`; no row where every judge's guidelines are its own or the experts', and every
        example was found by one embedder.
    """
    import pandas as pd

    # Who made the memories of each judge.
    makers_of = {
        (manifest["variant"], manifest["backend"]): _memory_makers(manifest)
        for manifest in analysis.frames.manifests.values()
    }
    lines: list[dict[str, Any]] = []
    for pair in pairs_of(analysis.variants):
        makers = makers_of.get((pair.variant, pair.backend))
        # Only beside the same model: another one would differ in more than memory.
        if makers is None or pair.backend != pair.reference_backend:
            continue
        head = {
            "variant": pair.variant,
            "alignment": pair.alignment,
            "backend": pair.backend,
        } | makers
        lines += [head | line for line in _gain_rows(analysis, pair)]
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    foreign = ~table["distilled_by"].isin([NOBODY, _EXPERT_WORDS]) & (
        table["distilled_by"] != table["backend"]
    )
    embedders = set(table["examples_by"]) - {NOBODY}
    # Each judge made its own memory: there is no transfer to show.
    if not foreign.any() and len(embedders) < 2:
        return table.iloc[:0]
    return by_dimension(table, analysis.frames.dimensions)


def _memory_makers(manifest: Mapping[str, Any]) -> dict[str, str] | None:
    """Who made the memories of a run; None where it has none of the two."""
    config = manifest.get("config", {})
    memories = config.get("alignment", {})
    # What wraps another alignment has these a level down, under `memories`, and is left out.
    if "semantic" not in memories or "episodic" not in memories:
        return None
    # A group of which nothing was chosen is empty in the record.
    model_of = {name: (config.get(name) or {}).get("name") for name in _MODELS}
    backend = str(manifest["backend"])
    distils = config["distiller"]["name"] != "extractive"
    # A reflection model that is not named is the judge itself; `extractive` quotes experts.
    distilled_by = str(model_of["reflection"] or backend) if distils else _EXPERT_WORDS
    # `backend` is no embedder of its own: it asks the model of `embedding`, or the judge's.
    embedder = str(config["embedder"]["name"])
    embedded_by = str(model_of["embedding"] or backend) if embedder == "backend" else embedder
    return {
        "distilled_by": distilled_by if memories["semantic"] else NOBODY,
        "examples_by": embedded_by if memories["episodic"] else NOBODY,
    }


def _gain_rows(analysis: Analysis, pair: Pair) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for dimension in analysis.frames.dimensions:
        judges = pair.reference_judge(dimension), pair.judge(dimension)
        plain, aligned = (analysis.answers.get(judge, NO_ANSWERS) for judge in judges)
        # Under `exclude` each may lack rows that the other has.
        both = paired_rows(plain, aligned, (pair.reference, pair.variant))
        if not len(both.after.error):
            continue
        mae, unaligned = float(both.after.error.mean()), float(both.before.error.mean())
        lines.append(
            {
                "dimension": dimension,
                "n_items": len(set(both.after.items.tolist())),
                "mae": mae,
                "mae_unaligned": unaligned,
                "gained": unaligned - mae,
            }
        )
    if len(lines) > 1:
        means = {
            name: sum(line[name] for line in lines) / len(lines)
            for name in ("mae", "mae_unaligned", "gained")
        }
        # An item counts once a dimension: these are questions.
        n_items = sum(line["n_items"] for line in lines)
        lines.insert(0, {"dimension": ALL_DIMENSIONS, "n_items": n_items, **means})
    return lines


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        dimension_column(analysis.frames.dimensions),
        word("variant", "variant"),
        word("guidelines by", "distilled_by"),
        word("examples by", "examples_by"),
        word("judge", "backend"),
        count("questions", "n_items", help="pairs of item and dimension"),
        real("MAE", "mae", unit="grades"),
        real("MAE unaligned", "mae_unaligned", help="the same judge without memory, same rows"),
        real("gained", "gained", signed=True, help="unaligned less aligned"),
    ]
    notes = [
        "Memory may be made by another model than the one that judges. Above zero the judge errs"
        " less with it than without any. The mean over dimensions gives each the same weight. No"
        " intervals: exploratory; those of each variant stand among the contrasts."
    ]
    return Table(numbers, columns, notes)
