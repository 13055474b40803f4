"""`memalign-bench validate`: checks a data set and says what it can be used for."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memalign_bench.config import chosen_dimensions, instance
from memalign_bench.datasets.checks import Finding, findings_of
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import Gold, gold_labels, labelled_dimensions, rating_matrix
from memalign_bench.scales import FEW_GRADES
from memalign_bench.stats.planning.support import LEVEL, Support, support_of
from memalign_bench.stats.raters import ceiling_loo, krippendorff_alpha
from memalign_bench.study.running.foreseeing import dimensions_without_rationale
from memalign_bench.study.splits import check_foldable
from memalign_bench.types import NOT_APPLICABLE, Rubric, Score
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.table import Table

__all__ = ["work"]

_NAME_WIDTH = 30
"""Letters of a line of a dimension's name: all that the bundled ones need."""


class _LabelSummary(NamedTuple):
    """What the labels of one dimension amount to."""

    name: str
    counts: Mapping[str, int]
    n_raters: int
    alpha: float | None
    ceiling: float | None
    support: Support | None


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Load, check, and tell; a data set that cannot be used raises and ends with exit code 2."""
    from rich.console import Console

    rubric: Rubric = instance(cfg, "rubric")
    if _is_rubric_alone(cfg):
        return _describe_rubric(rubric)
    dimensions = chosen_dimensions(cfg, rubric)
    data: LabelledDataset = instance(cfg, "dataset").load(rubric)
    unlabelled: list[str] = []
    if cfg.dimensions is None:  # what was not asked for by name may be missing
        labelled = labelled_dimensions(data, dimensions)
        unlabelled = [name for name in dimensions if name not in labelled]
        dimensions = labelled
    # What the data can bear: gold, folds, agreement, power.
    gold = gold_labels(data, str(cfg.gold), dimensions)
    check_foldable(instance(cfg, "splits"), data.item.values(), cfg.folds, cfg.fold_seed)
    spreads = _spreads(cfg, rubric)
    summaries = [
        _summarise_labels(data, gold, name, rubric=rubric, spreads=spreads, family=len(dimensions))
        for name in dimensions
    ]
    # Data set and notes, tables, warnings, verdict. A log has no width of its own.
    console = Console(width=None if sys.stdout.isatty() else 120)
    heading = f"{data.name}: {_size_line(data)}, gold={cfg.gold}"
    console.print(heading, markup=False, highlight=False)
    if data.notice:
        console.print(data.notice, markup=False, highlight=False)
    notes = [
        *data.told,
        *([f"no label on {', '.join(unlabelled)}: left out."] if unlabelled else []),
    ]
    # Texts of the data: rich is neither to read [...] in them as a style nor to break their lines.
    for line in notes:
        console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
    console.print(_agreement_table(summaries))
    console.print(_support_table(summaries, cfg.folds, spreads))
    findings = [
        *findings_of(data, gold, dimensions, rubric.scale.grades),
        *_missing_rationales(gold, dimensions),
    ]
    for finding in findings:
        console.print(f"warning: {finding.text}", markup=False, highlight=False, soft_wrap=True)
    console.print(_verdict(summaries, findings), markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()
    return 0


def _is_rubric_alone(cfg: DictConfig) -> bool:
    """Whether a rubric is asked about and no data set."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    words = HydraConfig.get().overrides.task
    chosen = any(word.startswith("rubric=") for word in words)
    # `+dataset.x=` and `++dataset.x=` set keys of it as well.
    if any(word.lstrip("+").startswith("dataset") for word in words):
        return False
    # A data set that lacks its path ("???") was chosen by the defaults of `validate` alone.
    return chosen and any(OmegaConf.is_missing(cfg.dataset, key) for key in cfg.dataset)


def _describe_rubric(rubric: Rubric) -> int:
    """Say what a rubric asks; one that is wrong was refused before."""
    scale = rubric.scale
    end_grades = (f"{grade} ({scale.word(grade)})" for grade in (scale.grades[0], scale.grades[-1]))
    ends = " to ".join(end_grades) if scale.has_words else str(scale)
    sys.stdout.write(
        f"rubric {rubric.name}: nothing is wrong. {len(scale.grades)} grades, {ends}; asked of each"
        f" {rubric.artefact}:\n"
    )
    for name, dimension in rubric.dimensions.items():
        sys.stdout.write(f"  {name}: {dimension.question}\n")
    sys.stdout.write("With your labels: dataset.path=FILE\n")
    return 0


def _missing_rationales(
    gold: Mapping[tuple[str, str], Gold], dimensions: Sequence[str]
) -> list[Finding]:
    return [
        Finding(
            f"{name}: no label has a rationale; alignment=semantic and full would have nothing to"
            " distil. alignment=episodic needs grades alone.",
            name,
        )
        for name in dimensions_without_rationale(gold, dimensions)
    ]


def _size_line(data: LabelledDataset) -> str:
    cases = len({item.case_id for item in data.item.values()})
    raters = {label.rater for label in data.label_list}
    return (
        f"{counted(len(data.item), 'item')} over {counted(cases, 'case')},"
        f" {counted(len(data.label_list), 'label')} by {counted(len(raters), 'rater')},"
        f" digest {data.digest[:12]}"
    )


def _spreads(cfg: DictConfig, rubric: Rubric) -> tuple[float, float]:
    """The spreads of paired differences that `stats.spreads` assumes, in grades of this rubric."""
    given = cfg.stats.spreads
    return given[0] * rubric.scale.span, given[1] * rubric.scale.span


def _summarise_labels(
    data: LabelledDataset,
    gold: Mapping[tuple[str, str], Gold],
    name: str,
    *,
    rubric: Rubric,
    spreads: tuple[float, float],
    family: int,
) -> _LabelSummary:
    scores = {key[0]: entry.score for key, entry in gold.items() if key[1] == name}
    graded = {item_id: score for item_id, score in scores.items() if score is not NOT_APPLICABLE}
    ratings = rating_matrix(data, name)  # of all that was rated, not of what gold takes
    cases = [data.item[item_id].case_id for item_id in graded]
    return _LabelSummary(
        name,
        _score_counts(scores.values()),
        ratings.shape[1],
        krippendorff_alpha(ratings, rubric.scale.grades),
        # Empty where the only scores are adjudicated ones, which are no rater's.
        ceiling_loo(ratings) if ratings.size else None,
        support_of(list(graded.values()), cases, spreads, family) if graded else None,
    )


def _score_counts(scores: Collection[Score]) -> dict[str, int]:
    """How often each score was given, N/A first; of many grades by quarters of them."""
    absent = sum(score is NOT_APPLICABLE for score in scores)
    grades = sorted(score for score in scores if score is not NOT_APPLICABLE)
    counts = {str(grade): n for grade, n in Counter(grades).items()}
    if len(counts) > FEW_GRADES:
        parts = (part for part in np.array_split(np.array(grades), 4) if len(part))
        # Where one grade is frequent, several quarters may hold nothing else.
        counts = Counter()
        for part in parts:
            counts[" to ".join(f"{end:g}" for end in sorted({part[0], part[-1]}))] += len(part)
    return {str(NOT_APPLICABLE): absent, **counts} if absent else counts


def _agreement_table(summaries: Iterable[_LabelSummary]) -> Table:
    table = _new_table("dimension", "gold: items", "raters", "alpha (ordinal)", "rater vs. others")
    for summary in summaries:
        counts = "  ".join(f"{score}: {n}" for score, n in summary.counts.items())
        numbers = (_number_text(summary.alpha), _number_text(summary.ceiling))
        table.add_row(summary.name, counts, str(summary.n_raters), *numbers)
    return table


def _support_table(
    summaries: Sequence[_LabelSummary], folds: int, spreads: tuple[float, float]
) -> Table:
    family = len(summaries)
    table = _new_table(
        "dimension", "items", "cases", "to beat", f"finds at {LEVEL}",
        *([f"at {LEVEL}/{family}"] if family > 1 else []), "smallest p", "folds",
    )  # fmt: skip
    for summary in summaries:
        support = summary.support
        if support is None:
            # Nothing applies, so there is nothing to say in the other columns.
            table.add_row(summary.name, "0", *[""] * (len(table.columns) - 2))
            continue
        table.add_row(
            summary.name,
            str(support.n_items),
            str(support.n_cases),
            _number_text(support.median_mae),
            _range_text(support.detectable),
            *([_range_text(support.detectable_first)] if family > 1 else []),
            f"{support.smallest_p:.2g}",
            f"{folds}" if support.n_cases >= folds else f"at most {support.n_cases}",
        )
    first = (
        f", or at {LEVEL}/{family}, the first Holm step of {family} claims," if family > 1 else ""
    )
    table.caption = (
        "to beat: MAE of answering the median grade. finds: the gain in MAE found with a power of"
        f" 0.8 at level {LEVEL}{first} where the gains of cases spread by {spreads[0]:.2f} to"
        f" {spreads[1]:.2f} grades (stats.spreads, as in the committed studies; yours is known once"
        " two judges were asked, and stands in the report). too few: with half of the cases"
        " unchanged no such p can be reached. smallest p: what the sign-flip test can reach."
    )
    return table


def _range_text(ends: tuple[float, float]) -> str:
    return "too few" if math.isnan(ends[0]) else f"{ends[0]:.2f} to {ends[1]:.2f}"


def _new_table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(caption_justify="left")
    for heading in headings:
        # A long name runs on in further lines, so that the numbers beside it stay whole.
        is_name = heading == "dimension"
        table.add_column(heading, overflow="fold" if is_name else "ellipsis",
                         max_width=_NAME_WIDTH if is_name else None)  # fmt: skip
    return table


def _number_text(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.2f}"


def _verdict(summaries: Sequence[_LabelSummary], findings: Sequence[Finding]) -> str:
    """One sentence: what study this is good for, by all that was found."""
    # Dimension -> why no claim can rest on it; without a reason it is supported.
    reasons_by_name = {
        summary.name: [
            finding.blocks
            for finding in findings
            if finding.dimension == summary.name and finding.blocks
        ]
        for summary in summaries
    }
    for summary in summaries:
        if not summary.support or summary.support.smallest_p > LEVEL:
            reasons_by_name[summary.name].append(f"it cannot reach a p-value of {LEVEL}")
    supported = [name for name, reasons in reasons_by_name.items() if not reasons]
    unsupported = "; ".join(
        f"{name} ({', '.join(reasons_by_name[name])})"
        for name in reasons_by_name
        if reasons_by_name[name]
    )
    noted = f"; warnings: {len(findings)}" if findings else ""
    if supported:
        rest = f"; not on {unsupported}" if unsupported else ""
        return f"It supports claims on {', '.join(supported)}{rest}{noted}."
    any_reaches = any(
        summary.support and summary.support.smallest_p <= LEVEL for summary in summaries
    )
    no_reach = "" if any_reaches else f"no dimension can reach a p-value of {LEVEL}: "
    return f"It can be run, but supports no claim: {no_reach}{unsupported}{noted}."
