"""What the paper says of a study's claims: which they are, and how they came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.alignments import FULL, UNALIGNED
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.claims import Claims, claims_of
from memalign_bench.report.numbers.contrasts import ALPHA, all_pairs, claimed_rows
from memalign_bench.report.numbers.missing_answers import HANGS, MADE_OF_SILENCE, UNEQUAL
from memalign_bench.report.numbers.paired_answers import NO_CLAIM_POSSIBLE, ONE_GRADE, notes_say
from memalign_bench.report.numbers.pairs import parts_of
from memalign_bench.report.prose import listed
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["claim_outcomes", "claims_sentence", "judge_name"]

_BETTER_AND_WORSE = {
    "mae": ("smaller error", "larger"),
    "spearman": ("higher rank correlation", "lower"),
}
_MEASURED = {"mae": "mean absolute error", "spearman": "rank correlation"}


def claims_sentence(analysis: Analysis, contrasts: pd.DataFrame) -> str:
    """What the study claims, and whether that was registered before its first call."""
    claims = claims_of(analysis, all_pairs(analysis))
    family = contrasts[claimed_rows(contrasts)]
    plan = claims.sentence(analysis.frames.dimensions)
    if not len(family):
        return f"The study makes no claim: {claims.reason_for_none()}. {plan}"
    sides = [*dict.fromkeys(zip(family["variant"], family["reference"], strict=True))]
    told = listed([f"{judge_name(one)} against {judge_name(other)}" for one, other in sides])
    metrics = [_MEASURED[metric] for metric in _MEASURED if metric in set(family["metric"])]
    where = counted(family["dimension"].nunique(), "dimension")
    each = "each " if len(sides) * len(metrics) > 1 else ""
    return f"The claims are {told}, in {listed(metrics)}, {each}on {where}. {plan}"


def claim_outcomes(contrasts: pd.DataFrame, look: Look, claims: Claims) -> str:
    """How the claims came out on these comparisons, or why there is none."""
    family = contrasts[claimed_rows(contrasts)]
    if not len(family):
        return f"The study tests no claim here: {claims.reason_for_none()}."
    # A plan may hold several contrasts and metrics: each is told by itself.
    contrast = ["variant", "reference", "metric"]
    groups = [rows for _, rows in family.groupby(contrast, sort=False)]
    return " ".join(_outcome_text(rows, look) for rows in groups)


def judge_name(variant: str) -> str:
    """A judge in a sentence, by its memory where it has none or all of it.

    >>> judge_name("none"), judge_name("full,memory.k=2"), judge_name("knn_vote")
    ('no memory', 'the full memory (memory.k=2)', 'knn vote')
    """
    alignment, *settings = parts_of(variant)
    names = {UNALIGNED: "no memory", FULL: "the full memory"}
    name = names.get(alignment, alignment.replace("_", " "))
    return name + (f" ({', '.join(settings)})" if settings else "")


def _outcome_text(family: pd.DataFrame, look: Look) -> str:
    """How the claims of one contrast in one metric came out over the dimensions."""
    variant, reference, metric = family[["variant", "reference", "metric"]].iloc[0]
    # Counts by outcome; the sentences below are the same whatever these are.
    is_significant, gain = family["significant"], family["improvement"]
    better = _titles(family[is_significant & (gain > 0)], look)
    worse = _titles(family[is_significant & (gain < 0)], look)
    one_grade = notes_say(family, ONE_GRADE)
    unable = notes_say(family, NO_CLAIM_POSSIBLE) & ~one_grade
    smaller, larger = _BETTER_AND_WORSE[metric]
    text = (
        f"Against {judge_name(reference)}, {judge_name(variant)} had a significantly {smaller} on"
        f" {_number_of(better, len(family))} and a significantly {larger} one on"
        f" {_number_of(worse, len(family))}."
    )
    hanging = is_significant & notes_say(family, HANGS)
    if hanging.any():
        text += (
            f" On {int(hanging.sum())} of these the difference hangs on missing answers, which"
            " could turn it or be all of it."
        )
    silent = int(notes_say(family, MADE_OF_SILENCE).sum())
    rest = len(family) - len(better) - len(worse) - silent - int(one_grade.sum())
    if silent:
        text += (
            f" On {silent} one of the two gave no answer, so that nothing could be tested there."
        )
    if rest:
        text += f" On the remaining {rest} no difference could be shown"
        if metric == "mae":  # of ranks no margin is set
            equal = family[~is_significant & (family["p_equivalent"] <= ALPHA)]
            equal_on = _number_of(_titles(equal, look), rest)
            text += f"; the two errors are equal within the margin on {equal_on}"
            if unsure := int(notes_say(equal, UNEQUAL).sum()):
                text += f", which hangs on missing answers on {unsure} of these"
        text += "."
    if one_grade.any():
        text += (
            f" On {int(one_grade.sum())} the experts give one grade to every item, so no claim was"
            " possible there."
        )
    if unable.any():
        text += (
            f" On {int(unable.sum())} the smallest p-value that the data can give lies above the"
            " level, so no claim was possible there."
        )
    return text


def _titles(rows: pd.DataFrame, look: Look) -> list[str]:
    return [look.title(str(name)) for name in rows["dimension"]]


def _number_of(names: Sequence[str], total: int) -> str:
    which = f" ({listed(names)})" if names else ""
    return f"{len(names) or 'none'} of {counted(total, 'dimension')}{which}"
