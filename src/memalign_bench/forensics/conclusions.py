"""Findings on what the numbers carry: same items, differences, smallest p, coverage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from memalign_bench.forensics.coverage import Coverage
from memalign_bench.forensics.figures import PublishedStudy
from memalign_bench.forensics.findings import Finding, any_of
from memalign_bench.forensics.tables import Attainable, Pair, Size

__all__ = ["of_attainable", "of_coverage", "of_pairs"]

_RESAMPLES = {
    "notebooks": "{drawn} notebooks drawn from {of}, with the rows that come with them",
    "rows": "Rows drawn, {drawn} for every {of} there are",
    "as_many": "As many rows drawn as there are",
}

_SAID = {True: "Said to be significant. ", False: "Said not to be significant. ", None: ""}


def of_pairs(
    study: PublishedStudy, pairs: Iterable[Pair], sizes: Iterable[Size]
) -> Iterator[Finding]:
    """Whether two experiments can have had the same items, and whether they can be told apart."""
    fits = {(row.experiment, row.dimension): row.n for row in sizes if row.step == "whole"}
    compared: dict[tuple[str, str, str], list[Pair]] = {}
    for row in pairs:
        compared.setdefault((row.experiment, row.other, row.dimension), []).append(row)
    for (one, other, dimension), rows in compared.items():
        needs = "; ".join(f"{name}: {any_of(fits[name, dimension])}" for name in (one, other))
        where = f"{one}, {other}: {dimension}"
        yield _same_items(study, where, rows, needs)
        yield from _apart(study, where, [row for row in rows if row.p_smallest is not None])


def _same_items(study: PublishedStudy, where: str, rows: Sequence[Pair], needs: str) -> Finding:
    shared = {
        step: [row.n for row in rows if row.step == step and row.n is not None]
        for step in ("whole", "half", "third")
    }
    finer = [f"{step}-grade errors of n = {any_of(n)}" for step, n in shared.items() if n]
    if shared["whole"]:
        sentence = (
            f"n = {any_of(shared['whole'])} gives the numbers of both with whole-grade errors."
        )
        return Finding("same items", where, "agrees", sentence)
    if finer:
        sentence = (
            f"No n up to {study.design.largest_n} gives the numbers of both with whole-grade errors"
            f" ({needs}); {' and '.join(finer)} do."
        )
        return Finding("same items", where, "does not fit", sentence)
    sentence = (
        f"No n up to {study.design.largest_n} gives the numbers of both, be it with whole-, half-"
        f" or third-grade errors (whole grades: {needs}). So they"
        " are not means of such errors over one set of items."
    )
    return Finding("same items", where, "does not fit", sentence)


def _apart(study: PublishedStudy, where: str, rows: Sequence[Pair]) -> Iterator[Finding]:
    """Whether whole-grade errors of the least size that fits both can show a difference."""
    level = study.design.level
    able = [row for row in rows if (row.p_smallest or 0) <= level]
    whole = [row for row in rows if row.step == "whole"]
    for row in whole[:1]:
        reaches = row in able
        sentence = (
            f"The aligned judges' errors sum to {row.error:g} and {row.error_other:g} grades over"
            f" n = {row.n}. With whole-grade errors the smallest p that any such items give is"
            f" {p_text(row.p_smallest)} (exact sign-flip test, uncorrected), so a difference"
            f" {'can' if reaches else 'cannot'} be shown at {level:g}."
        )
        if not reaches:
            sentence += _unsupported(study, row) + _otherwise(able)
        verdict = "can reach" if reaches else "cannot reach"
        yield Finding("difference", where, verdict, sentence)


def _unsupported(study: PublishedStudy, row: Pair) -> str:
    """The claim that would need the difference, where the experiments' memories are told."""
    arms = study.design.memories
    one, other = (arms.get(name, frozenset()) for name in (row.experiment, row.other))
    if not (one < other or other < one):
        return ""
    memory = " and ".join(sorted(one ^ other))
    return f" That {memory} memory is essential is not supported on this dimension."


def _otherwise(able: Iterable[Pair]) -> str:
    """Which other errors could show the difference: of each step, at the least size."""
    least: dict[str, Pair] = {}
    for row in able:
        least.setdefault(row.step, row)
    told = [
        f"{step}-grade errors of n = {row.n} could reach {p_text(row.p_smallest)}"
        for step, row in least.items()
    ]
    return f" The numbers allow others: {'; '.join(told)}." if told else ""


def of_attainable(study: PublishedStudy, rows: Iterable[Attainable]) -> Iterator[Finding]:
    """Whether whole-grade errors of the least size that fits can reach the level at all."""
    whole: dict[tuple[str, str], list[Attainable]] = {}
    for row in rows:
        if row.step == "whole" and row.gain:
            whole.setdefault((row.experiment, row.dimension), []).append(row)
    level = study.design.level
    for (experiment, dimension), (least, *more) in whole.items():
        reaches = least.p_sign_flip_holm <= level
        said = study.experiments[experiment][dimension].significant
        sentence = (
            f"{_SAID[said]}With whole-grade errors and n = {least.n} (change of {least.gain:+g}"
            " grades in all) the smallest p of the exact sign-flip test is"
            f" {p_text(least.p_sign_flip)}, {p_text(least.p_sign_flip_holm)} after Holm"
            f" (dimensions: {least.family}, every other at its best): it"
            f" {'can' if reaches else 'cannot'} reach {level:g}."
        )
        if not reaches:
            sentence += _by_t(least, level) + _larger(more, level)
        verdict = "can reach" if reaches else "cannot reach"
        yield Finding("smallest p", f"{experiment}: {dimension}", verdict, sentence)


def _by_t(row: Attainable, level: float) -> str:
    could = "could" if row.p_t_holm <= level else "could not either"
    return (
        f" A paired t-test {could}: at best {p_text(row.p_t)}, {p_text(row.p_t_holm)} after Holm."
    )


def _larger(rows: Sequence[Attainable], level: float) -> str:
    able = [row.n for row in rows if row.p_sign_flip_holm <= level]
    return f" With n = {any_of(able)}, which the numbers allow too, it can." if able else ""


def of_coverage(study: PublishedStudy, rows: Sequence[Coverage]) -> Iterator[Finding]:
    """How often the interval as worded holds the truth."""
    bootstrap = study.design.bootstrap
    if bootstrap is None:
        sentence = "No bootstrap_sample_size is given, so coverage cannot be simulated."
        yield Finding("coverage", "protocol", "not printed", sentence)
        return
    for resample, told in _RESAMPLES.items():
        mine = [row for row in rows if row.resample == resample]
        sentence = (
            f"{told.format(**bootstrap._asdict())}: a {study.design.confidence_level:.0%}"
            f" percentile interval covers {_shares(mine)} (normal to whole-grade gains; Monte Carlo"
            f" error up to {max(row.mc_error for row in mine):.1%})."
        )
        yield Finding("coverage", "protocol", "simulated", sentence)


def _shares(rows: Iterable[Coverage]) -> str:
    found: dict[int, list[float]] = {}
    for row in rows:
        found.setdefault(row.n, []).append(row.coverage)
    told = []
    for n, shares in sorted(found.items(), reverse=True):
        ends = dict.fromkeys(f"{end:.1%}" for end in (min(shares), max(shares)))
        told.append(f"{' to '.join(ends)} at n = {n}")
    return "; ".join(told)


def p_text(p: float | None) -> str:
    """A p-value for people, three digits.

    >>> p_text(0.0078125)
    '0.00781'
    """
    return "none" if p is None else f"{p:.3g}"
