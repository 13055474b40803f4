"""Sentences of the paper that hold whatever a study shows and whatever its variants are.

Nothing here knows how a study came out: each sentence is put together from counts, so it says what
the records say, whether a memory helped, harmed or did nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from memalign_bench.errors import refuse
from memalign_bench.report.drawing.look import Look, own_contrasts
from memalign_bench.report.notices import is_synthetic
from memalign_bench.report.numbers.alignments import FULL, MEDIAN, recorded_rung
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.claims import claims_of
from memalign_bench.report.numbers.contrasts import ALPHA, all_pairs, claimed_rows
from memalign_bench.report.numbers.frames import StudyFrames
from memalign_bench.report.numbers.missing_answers import HANGS
from memalign_bench.report.numbers.paired_answers import notes_say
from memalign_bench.report.numbers.pairs import alignment_of, parts_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.paper.claims import claim_outcomes
from memalign_bench.report.prose import listed, number
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.stats.planning.power import POWER
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["limits", "named_variants", "results"]


_USUAL = ("none", "semantic", "episodic", "full", "median_label")
"""What the paper shows unless told otherwise, of these what a study holds."""


def named_variants(look: Look, names: Sequence[str] | None) -> list[str]:
    """Those of a study's variants that names stand for, in the order of the names.

    A name is a variant, or the alignment of the only variant that has it (`full` of
    `full,view=answers`): a study of one's own is often asked in one way that is not the default.

    Args:
        look: The study's look.
        names: What to show; None for the usual ones that the study holds.

    Raises:
        RequestError: If a name that is given stands for no variant, or for several.
    """
    chosen, wrong = [], []
    for name in _USUAL if names is None else names:
        same = [variant for variant in look.variants if alignment_of(variant) == name]
        matching = [name] if name in look.variants else same
        chosen += matching if len(matching) == 1 else []
        if names is not None and len(matching) != 1:
            wrong.append(f"variants: {name!r} {_misfit(name, matching, look)}")
    refuse(wrong)
    return list(dict.fromkeys(chosen))


def _misfit(name: str, matching: Sequence[str], look: Look) -> str:
    if matching:
        return f"stands for several variants, name those that are meant: {', '.join(matching)}."
    close = difflib.get_close_matches(name, look.variants, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"is no variant of the study.{hint} It has {', '.join(look.variants)}."


def results(
    analysis: Analysis, made: SectionNumbers, look: Look, shown: Sequence[str]
) -> list[str]:
    """A paragraph a backend, and one on all judges.

    Args:
        analysis: The records, and how they are read.
        made: The numbers of the report's sections.
        look: The study's look.
        shown: Variants that the sentences speak of.
    """
    paragraphs = []
    frames, summary, contrasts = analysis.frames, made["summary"], made["contrasts"]
    labels = {name: _label(frames, name) for name in shown}
    claims = claims_of(analysis, all_pairs(analysis))
    for backend in look.backends:
        # By the reference's backend: what asks no model is held against the judges of each.
        own = contrasts[contrasts["reference_backend"] == backend]
        words = [
            claim_outcomes(own, look, claims),
            *_mean_errors(summary, backend, labels),
            *_ranking_sentences(own, look, _of_alignment(shown, FULL)),
        ]
        words += _exploratory_sentences(own, look, labels)
        paragraphs.append((f"On {backend}: " if look.backends[1:] else "") + " ".join(words))
    paragraphs.append(
        " ".join(
            [*_constant_sentences(summary), _answer_sentence(frames), *_ceiling_sentences(summary)]
        )
    )
    return paragraphs


def _mean_errors(summary: pd.DataFrame, backend: str, labels: Mapping[str, str]) -> list[str]:
    """Mean error over the dimensions, of those judges that answered all of them."""
    here = summary[(summary["backend"] == backend) & summary["variant"].isin(list(labels))]
    # The median label asks no model, so it has no row on this backend.
    full_name, median_name = (_of_alignment(list(labels), name) for name in (FULL, MEDIAN))
    free = summary[summary["variant"] == median_name]
    means = {
        name: rows.set_index("dimension")["mae"]
        for name, rows in [*here.groupby("variant"), *free.groupby("variant")]
    }
    n = summary["dimension"].nunique()
    # A mean over some of the dimensions would not compare with the others.
    parts = [
        f"{number(means[name].mean())} with {label}"
        for name, label in labels.items()
        if name in means and len(means[name]) == n
    ]
    if not parts:
        return []
    averaged = "Averaged over the dimensions the error" if n > 1 else "The error"
    text = [f"{averaged} was {listed(parts)}."]
    if full_name in means and median_name in means:
        full = means[full_name]
        # Matched by dimension; where the median has none, NaN compares as not better.
        is_better = full < means[median_name].reindex(full.index)
        text.append(
            f"The full memory had a smaller error than the median label on {int(is_better.sum())}"
            f" of {counted(len(is_better), 'dimension')}."
        )
    return text


def _of_alignment(variants: Sequence[str], alignment: str) -> str | None:
    """The first of the variants that has an alignment."""
    return next((name for name in variants if alignment_of(name) == alignment), None)


def _ranking_sentences(contrasts: pd.DataFrame, look: Look, full_name: str | None) -> list[str]:
    full = contrasts[contrasts["variant"] == full_name]
    mae = own_contrasts(full, look, "mae").set_index("dimension")["improvement"]
    table = own_contrasts(full, look, "spearman").set_index("dimension")
    # Missing where ranks are undefined, as where the experts' grades differ in no fold.
    rho = table["improvement"].dropna()
    if not len(rho):
        return []
    sure = int((table["q_value"] <= ALPHA).sum())
    # A claim has no q: how it came out stands before.
    exploratory = (
        ""
        if claimed_rows(table).any()
        else (
            f", on {sure} of them with a share of false discoveries of at most {ALPHA:.0%}"
            " (exploratory)"
        )
    )
    only_error = int(((mae.reindex(rho.index) > 0) & (rho <= 0)).sum())
    return [
        f"With the full memory the rank correlation rose on {int((rho > 0).sum())} and fell on"
        f" {int((rho < 0).sum())} of {counted(len(rho), 'dimension')}{exploratory}.",
        f"On {only_error or 'none'} the error fell without a better ranking.",
    ]


def _label(frames: StudyFrames, variant: str) -> str:
    """A variant in a sentence: `full memory`, `the median training label`, `knn vote`."""
    alignment, *settings = parts_of(variant)
    rung = recorded_rung(frames, alignment)
    # Of a memory that stands alone its name says all; a control is no memory.
    usual = f"{alignment} memory" if rung.get("role") == "memory" else alignment.replace("_", " ")
    name = str(rung.get("label", usual))
    return name + (f" ({', '.join(settings)})" if settings else "")


def _exploratory_sentences(
    contrasts: pd.DataFrame, look: Look, labels: Mapping[str, str]
) -> list[str]:
    sentences = []
    for variant in look.ordered(contrasts["variant"]):
        # Of the full memory and the median label the sentences before have spoken.
        if alignment_of(variant) in (FULL, MEDIAN) or variant not in labels:
            continue
        table = own_contrasts(contrasts[contrasts["variant"] == variant], look, "mae")
        # As of what a plan claims.
        table = table[~claimed_rows(table)]
        if not len(table):
            continue
        sure, gain = table["q_value"] <= ALPHA, table["improvement"]
        hanging = int((sure & notes_say(table, HANGS)).sum())
        sentences.append(
            f"With {labels[variant]} (exploratory, share of false discoveries at most"
            f" {ALPHA:.0%}) the error was smaller on {int((sure & (gain > 0)).sum())} and larger on"
            f" {int((sure & (gain < 0)).sum())} of {counted(len(table), 'dimension')}"
            + (f" ({hanging} of these by missing answers)." if hanging else ".")
        )
    return sentences


def _constant_sentences(summary: pd.DataFrame) -> list[str]:
    # Of what asks no model this is no finding: the median label is made like that.
    models = summary[summary["backend"] != NO_BACKEND]
    flat = models[models["n_distinct_grades"] == 1]
    if not len(flat):
        return []
    counts = flat.groupby("variant", sort=False).size()
    parts = [f"{name} ({n})" for name, n in counts.items()]
    return [
        "A judge that gives every item of a dimension the same grade tells no item from another."
        f" By variant, so many dimensions had such a judge: {listed(parts)}."
    ]


def _answer_sentence(frames: StudyFrames) -> str:
    asked = frames.predictions[frames.predictions["expert_score"].notna()]
    failed = int((asked["status"] == "failed").sum())
    silent = int((asked["status"] == "abstained").sum())
    return (
        f"Of {len(asked)} answers on items that experts graded, {failed} failed and {silent} were"
        " abstentions."
    )


def _ceiling_sentences(summary: pd.DataFrame) -> list[str]:
    ceiling = summary["ceiling_loo"].dropna()
    if not len(ceiling):
        return []
    return [
        f"A rater's mean distance from the median of the other raters lies between"
        f" {number(ceiling.min())} and {number(ceiling.max())} by dimension."
        if len(summary["dimension"].unique()) > 1
        else f"A rater's mean distance from the median of the other raters is"
        f" {number(ceiling.iloc[0])}."
    ]


def limits(analysis: Analysis, made: SectionNumbers, look: Look) -> list[str]:
    """What the study cannot say."""
    frames, summary = analysis.frames, made["summary"]
    sentences = []
    if is_synthetic(frames):
        sentences.append(
            "The items are generated and the raters simulated: the study shows how well a judge"
            " picks up planted conventions, and nothing about people."
        )
    sentences.append(_power_sentence(frames, made["contrasts"], look))
    sentences.append(
        "Results hold for the prompt, model and reading named here; how a small model is asked can"
        " move its grades as much as a memory does."
    )
    # Missing where no item has the grades of two raters.
    if summary["ceiling_loo"].isna().all():
        sentences.append("With one rater an item there is no human ceiling to compare with.")
    return sentences


def _power_sentence(frames: StudyFrames, contrasts: pd.DataFrame, look: Look) -> str:
    """Which improvements this study would have found: of its claims, if it makes any."""
    cases = f"With {counted(frames.predictions['case_id'].nunique(), 'case')}"
    own = own_contrasts(contrasts, look, "mae")
    claimed = claimed_rows(own)
    found = (own[claimed]["detectable_holm"] if claimed.any() else own["detectable"]).dropna()
    if not len(found):
        return f"{cases}, where no difference is shown there may be one."
    low, high = number(found.min()), number(found.max())
    least = low if low == high else f"{low} to {high}, by comparison"
    total = int(claimed.sum()) or len(own)
    # Of few cases, or of errors that never differ, no such number can be given.
    told = "" if len(found) == total else f" on {len(found)} of {counted(total, 'comparison')}"
    return (
        f"{cases} an improvement of the error is found with a power of {POWER:g}{told} if it is at"
        f" least {least}; where none is shown, there may be a smaller one."
    )
