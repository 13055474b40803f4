"""What memory made by one model is worth to another judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS, by_dimension
from memalign_bench.report.numbers.missing_answers import silence_note
from memalign_bench.report.numbers.paired_answers import paired_rows
from memalign_bench.report.numbers.pairs import Pair, pairs_of, settings_of
from memalign_bench.report.numbers.readings import NO_ANSWERS
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, dimension_column, real, word
from memalign_bench.report.tables.table import Table
from memalign_bench.wording import setting_text

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
    "settings",
    "n_unanswered",
)

NOBODY = "none"
"""Who made a memory that is switched off."""

_MAKER_SETTINGS = ("distiller=", "embedder=", "embedding=", "reflection=")
"""Settings that say who makes memories, which columns say in words."""

_NOT_ASKED = object()
"""The value of a setting that decides nothing of a run (`memory.k` without examples)."""

_EXPERT_WORDS = "the experts' own words"
_MODELS = "reflection", "embedding"


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension and judge with memories, and the mean over several dimensions.

    `distilled_by` is the model that wrote the guidelines, `examples_by` what embedded items for
    finding examples, `gained` the unaligned error of the same backend less this one's. All three
    means are over the rows that both have, paired by item, fold seed and repeat; `n_unanswered` of
    them have no grade by this judge, and cost what the analysis says of missing answers; nothing is
    `gained` where one of the two has none at all. `settings` names the alignment, and what was set
    on it otherwise than for another judge; who made its memories is left out.

    Returns:
        `COLUMNS`; no row where every judge's guidelines are its own or the experts', and every
        example was found by one embedder.
    """
    import pandas as pd

    # Who made the memories of each judge.
    manifests = {
        (manifest["variant"], manifest["backend"]): manifest
        for manifest in analysis.frames.manifests.values()
    }
    makers_of = {judge: _memory_makers(manifest) for judge, manifest in manifests.items()}
    with_memory = [judge for judge, makers in makers_of.items() if makers is not None]
    settings = _settings_that_differ([manifests[judge] for judge in with_memory])
    settings_of_judge = dict(zip(with_memory, settings, strict=True))
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
            "settings": settings_of_judge[pair.variant, pair.backend],
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


def _settings_that_differ(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """The alignment of each run, with the settings that one of them has otherwise than another.

    A variant names what is not usual for its backend, and another backend has other usual settings:
    two runs that were asked alike may bear different names, so records say what was set.
    """
    named = dict.fromkeys(
        setting.partition("=")[0]
        for manifest in manifests
        for setting in sorted(settings_of(manifest["variant"]))
        if not setting.startswith(_MAKER_SETTINGS)
    )
    texts = [manifest["alignment"] for manifest in manifests]
    for key in named:
        values = [_setting(manifest, key) for manifest in manifests]
        if len({value for value in values if value is not _NOT_ASKED}) > 1:
            texts = [
                text if value in (None, _NOT_ASKED) else f"{text},{key}={value}"
                for text, value in zip(texts, values, strict=True)
            ]
    return texts


def _setting(manifest: Mapping[str, Any], key: str) -> Any:
    """The value of a key that variants name, as text; None where nothing was set."""
    if decides := manifest.get("identity", {}).get("decides"):
        value = decides.get(key, decides.get(f"{key}.name", _NOT_ASKED))
        return value if value in (None, _NOT_ASKED) else setting_text(value)
    typed = dict(setting.partition("=")[::2] for setting in settings_of(manifest["variant"]))
    return typed.get(key)


def _gain_rows(analysis: Analysis, pair: Pair) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for dimension in analysis.frames.dimensions:
        judges = pair.reference_judge(dimension), pair.judge(dimension)
        plain, aligned = (analysis.answers.get(judge, NO_ANSWERS) for judge in judges)
        # Under `exclude` each may lack rows that the other has.
        both = paired_rows(plain, aligned, (pair.reference, pair.variant))
        if not len(both.after.error):
            continue
        silence = silence_note([both], (pair.reference, pair.variant))
        mae, unaligned = float(both.after.error.mean()), float(both.before.error.mean())
        lines.append(
            {
                "dimension": dimension,
                "n_items": len(set(both.after.items.tolist())),
                "mae": mae,
                "mae_unaligned": unaligned,
                # What silence made was not gained by memory.
                "gained": np.nan if silence else unaligned - mae,
                "n_unanswered": len(both.after.error) - len(both.after.answered),
            }
        )
    if len(lines) > 1:
        means = {
            name: sum(line[name] for line in lines) / len(lines)
            for name in ("mae", "mae_unaligned", "gained")
        }
        # An item counts once a dimension: these are questions.
        counts = {name: sum(line[name] for line in lines) for name in ("n_items", "n_unanswered")}
        lines.insert(0, {"dimension": ALL_DIMENSIONS, **counts, **means})
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
        count("unanswered", "n_unanswered", help="questions without a grade: the largest error"),
    ]
    notes = [
        "Memory may be made by another model than the one that judges. Above zero the judge errs"
        " less with it than without any. The mean over dimensions gives each the same weight. No"
        " intervals: exploratory; those of each variant stand among the contrasts."
    ]
    if numbers["gained"].isna().any():
        notes.append("Nothing is gained or lost where one of the two gave no answer.")
    return Table(numbers, columns, notes)
