"""Sentences of the paper that hold whatever a study shows.

Nothing here knows how a study came out: each sentence is put together from counts, so it says what
the records say, whether a memory helped, harmed or did nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from memalign_bench.report.drawing.look import Look, own_contrasts
from memalign_bench.report.notices import is_synthetic
from memalign_bench.report.numbers.alignments import FULL, MEDIAN, UNALIGNED, recorded_rung
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.contrasts import ALPHA, NO_CLAIM_POSSIBLE
from memalign_bench.report.numbers.frames import StudyFrames
from memalign_bench.report.numbers.pairs import parts_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import count, listed, number
from memalign_bench.report.sections.section import SectionNumbers

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["judge_name", "limits", "results"]

_BETTER_AND_WORSE = {
    "mae": ("smaller error", "larger"),
    "spearman": ("higher rank correlation", "lower"),
}


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
    for backend in look.backends:
        # By the reference's backend: what asks no model is held against the judges of each.
        own = contrasts[contrasts["reference_backend"] == backend]
        words = [
            _claim_text(own, look),
            *_mean_errors(summary, backend, labels),
            *_ranking_sentences(own, look),
        ]
        words += _exploratory_sentences(own, look, shown)
        paragraphs.append((f"On {backend}: " if look.backends[1:] else "") + " ".join(words))
    paragraphs.append(
        " ".join(
            [*_constant_sentences(summary), _answer_sentence(frames), *_ceiling_sentences(summary)]
        )
    )
    return paragraphs


def _claim_text(contrasts: pd.DataFrame, look: Look) -> str:
    family = contrasts[contrasts["p_holm"].notna()]
    if not len(family):
        return (
            "The study holds no full memory beside the unaligned judge, so it tests no claim about"
            " it."
        )
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
    unable = family["note"].str.contains(NO_CLAIM_POSSIBLE, regex=False)
    smaller, larger = _BETTER_AND_WORSE[metric]
    text = (
        f"Against {judge_name(reference)}, {judge_name(variant)} had a significantly {smaller} on"
        f" {_number_of(better, len(family))} and a significantly {larger} one on"
        f" {_number_of(worse, len(family))}."
    )
    rest = len(family) - len(better) - len(worse)
    if rest:
        text += f" On the remaining {rest} no difference could be shown"
        if metric == "mae":  # of ranks no margin is set
            equal = family[~is_significant & (family["p_equivalent"] <= ALPHA)]
            equal_on = _number_of(_titles(equal, look), rest)
            text += f"; the two errors are equal within the margin on {equal_on}"
        text += "."
    if unable.any():
        text += (
            f" On {int(unable.sum())} the smallest p-value that the data can give lies above the"
            " level, so no claim was possible there."
        )
    return text


def _mean_errors(summary: pd.DataFrame, backend: str, labels: Mapping[str, str]) -> list[str]:
    """Mean error over the dimensions, of those judges that answered all of them."""
    here = summary[(summary["backend"] == backend) & summary["variant"].isin(list(labels))]
    # The median label asks no model, so it has no row on this backend.
    free = summary[summary["variant"] == MEDIAN]
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
    text = [f"Averaged over the dimensions the error was {listed(parts)}."]
    if FULL in means and MEDIAN in means:
        full = means[FULL]
        # Matched by dimension; where the median has none, NaN compares as not better.
        is_better = full < means[MEDIAN].reindex(full.index)
        text.append(
            f"The full memory had a smaller error than the median label on {int(is_better.sum())}"
            f" of {len(is_better)}."
        )
    return text


def _ranking_sentences(contrasts: pd.DataFrame, look: Look) -> list[str]:
    full = contrasts[contrasts["variant"] == FULL]
    mae = own_contrasts(full, look, "mae").set_index("dimension")["improvement"]
    table = own_contrasts(full, look, "spearman").set_index("dimension")
    # Missing where ranks are undefined, as where the experts' grades differ in no fold.
    rho = table["improvement"].dropna()
    if not len(rho):
        return []
    sure = int((table["q_value"] <= ALPHA).sum())
    only_error = int(((mae.reindex(rho.index) > 0) & (rho <= 0)).sum())
    return [
        f"With the full memory the rank correlation rose on {int((rho > 0).sum())} and fell on"
        f" {int((rho < 0).sum())} of {len(rho)}, on {sure} of them with a share of false"
        f" discoveries of at most {ALPHA:.0%} (exploratory).",
        f"On {only_error} the error fell without a better ranking.",
    ]


def _label(frames: StudyFrames, alignment: str) -> str:
    return str(recorded_rung(frames, alignment).get("label", f"{alignment} memory"))


def _exploratory_sentences(contrasts: pd.DataFrame, look: Look, shown: Sequence[str]) -> list[str]:
    sentences = []
    for variant in look.ordered(contrasts["variant"]):
        # Of the full memory and the median label the sentences before have spoken.
        if variant in (FULL, MEDIAN) or variant not in shown:
            continue
        table = own_contrasts(contrasts[contrasts["variant"] == variant], look, "mae")
        sure, gain = table["q_value"] <= ALPHA, table["improvement"]
        sentences.append(
            f"With {variant} memory alone (exploratory, share of false discoveries at most"
            f" {ALPHA:.0%}) the error was smaller on {int((sure & (gain > 0)).sum())} and larger on"
            f" {int((sure & (gain < 0)).sum())} of {count(len(table), 'dimension')}."
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
    ]


def limits(frames: StudyFrames, summary: pd.DataFrame) -> list[str]:
    """What the study cannot say."""
    sentences = []
    if is_synthetic(frames):
        sentences.append(
            "The items are generated and the raters simulated: the study shows how well a judge"
            " picks up planted conventions, and nothing about people."
        )
    n_cases = frames.predictions["case_id"].nunique()
    sentences.append(
        f"With {n_cases} cases only large differences can be shown; where none is shown, there may"
        " be one."
    )
    sentences.append(
        "Results hold for the prompt, model and reading named here; how a small model is asked can"
        " move its grades as much as a memory does."
    )
    # Missing where no item has the grades of two raters.
    if summary["ceiling_loo"].isna().all():
        sentences.append("With one rater an item there is no human ceiling to compare with.")
    return sentences


def _titles(rows: pd.DataFrame, look: Look) -> list[str]:
    return [look.title(str(name)) for name in rows["dimension"]]


def _number_of(names: Sequence[str], total: int) -> str:
    which = f" ({listed(names)})" if names else ""
    return f"{len(names) or 'none'} of {count(total, 'dimension')}{which}"
