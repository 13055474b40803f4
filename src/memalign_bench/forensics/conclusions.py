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

_CLAIM = {True: "Said to be significant. ", False: "Said not to be significant. ", None: ""}


def of_pairs(
    study: PublishedStudy, pairs: Iterable[Pair], sizes: Iterable[Size]
) -> Iterator[Finding]:
    """Whether two experiments can have had the same items, and whether they can be told apart."""
    # What either would need by itself, for the sentence on pairs that share no size.
    fits = {(row.experiment, row.dimension): row.n for row in sizes if row.step == "whole"}
    by_dimension: dict[tuple[str, str, str], list[Pair]] = {}
    for row in pairs:
        by_dimension.setdefault((row.experiment, row.other, row.dimension), []).append(row)
    for (experiment, other, dimension), rows in by_dimension.items():
        needs = "; ".join(
            f"{name}: {any_of(fits[name, dimension])}" for name in (experiment, other)
        )
        where = f"{experiment}, {other}: {dimension}"
        yield _same_items_finding(study, where, rows, needs)
        yield from _difference_findings(
            study, where, [row for row in rows if row.p_smallest is not None]
        )


def _same_items_finding(
    study: PublishedStudy, where: str, rows: Sequence[Pair], needs: str
) -> Finding:
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


def _difference_findings(
    study: PublishedStudy, where: str, rows: Sequence[Pair]
) -> Iterator[Finding]:
    """Whether whole-grade errors of the least size that fits both can show a difference."""
    level = study.design.level
    # The caller leaves out rows without a p; `or 0` is for the type checker.
    reaching = [row for row in rows if (row.p_smallest or 0) <= level]
    whole = [row for row in rows if row.step == "whole"]
    # The least size that fits is the one spoken of.
    for row in whole[:1]:
        reaches = row in reaching
        sentence = (
            f"The aligned judges' errors sum to {row.error:g} and {row.error_other:g} grades over"
            f" n = {row.n}. With whole-grade errors the smallest p that any such items give is"
            f" {p_text(row.p_smallest)} (exact sign-flip test, uncorrected), so a difference"
            f" {'can' if reaches else 'cannot'} be shown at {level:g}."
        )
        if not reaches:
            sentence += _unsupported_claim(study, row) + _other_steps_sentence(reaching)
        verdict = "can reach" if reaches else "cannot reach"
        yield Finding("difference", where, verdict, sentence)


def _unsupported_claim(study: PublishedStudy, row: Pair) -> str:
    """The claim that would need the difference, where the experiments' memories are told."""
    arms = study.design.memories
    first, second = (arms.get(name, frozenset()) for name in (row.experiment, row.other))
    # Only where one experiment has all memories of the other does the difference speak of a memory.
    if not (first < second or second < first):
        return ""
    # Sorted, since sets have no order that stays from run to run.
    memory = " and ".join(sorted(first ^ second))
    return f" That {memory} memory is essential is not supported on this dimension."


def _other_steps_sentence(reaching: Iterable[Pair]) -> str:
    """Which other errors could show the difference: of each step, at the least size."""
    least: dict[str, Pair] = {}
    for row in reaching:
        least.setdefault(row.step, row)
    options = [
        f"{step}-grade errors of n = {row.n} could reach {p_text(row.p_smallest)}"
        for step, row in least.items()
    ]
    return f" The numbers allow others: {'; '.join(options)}." if options else ""


def of_attainable(study: PublishedStudy, rows: Iterable[Attainable]) -> Iterator[Finding]:
    """Whether whole-grade errors of the least size that fits can reach the level at all."""
    whole: dict[tuple[str, str], list[Attainable]] = {}
    for row in rows:
        # A gain of 0 reaches no p whatever the size, so nothing is said of it.
        if row.step == "whole" and row.gain:
            whole.setdefault((row.experiment, row.dimension), []).append(row)
    level = study.design.level
    # Rows come by rising size: the first is the least that fits.
    for (experiment, dimension), (least, *more) in whole.items():
        reaches = least.p_sign_flip_holm <= level
        claimed = study.experiments[experiment][dimension].significant
        sentence = (
            f"{_CLAIM[claimed]}With whole-grade errors and n = {least.n} (change of {least.gain:+g}"
            " grades in all) the smallest p of the exact sign-flip test is"
            f" {p_text(least.p_sign_flip)}, {p_text(least.p_sign_flip_holm)} after Holm"
            f" (dimensions: {least.family}, every other at its best): it"
            f" {'can' if reaches else 'cannot'} reach {level:g}."
        )
        if not reaches:
            sentence += _t_test_sentence(least, level) + _larger_sizes_sentence(more, level)
        verdict = "can reach" if reaches else "cannot reach"
        yield Finding("smallest p", f"{experiment}: {dimension}", verdict, sentence)


def _t_test_sentence(row: Attainable, level: float) -> str:
    could = "could" if row.p_t_holm <= level else "could not either"
    return (
        f" A paired t-test {could}: at best {p_text(row.p_t)}, {p_text(row.p_t_holm)} after Holm."
    )


def _larger_sizes_sentence(rows: Sequence[Attainable], level: float) -> str:
    reaching = [row.n for row in rows if row.p_sign_flip_holm <= level]
    return f" With n = {any_of(reaching)}, which the numbers allow too, it can." if reaching else ""


def of_coverage(study: PublishedStudy, rows: Sequence[Coverage]) -> Iterator[Finding]:
    """How often the interval as worded holds the truth."""
    bootstrap = study.design.bootstrap
    if bootstrap is None:
        sentence = "No bootstrap_sample_size is given, so coverage cannot be simulated."
        yield Finding("coverage", "protocol", "not printed", sentence)
        return
    for resample, template in _RESAMPLES.items():
        own_rows = [row for row in rows if row.resample == resample]
        sentence = (
            f"{template.format(**bootstrap._asdict())}: a {study.design.confidence_level:.0%}"
            f" percentile interval covers {_coverage_text(own_rows)} (normal to whole-grade gains;"
            f" Monte Carlo error up to {max(row.mc_error for row in own_rows):.1%})."
        )
        yield Finding("coverage", "protocol", "simulated", sentence)


def _coverage_text(rows: Iterable[Coverage]) -> str:
    by_n: dict[int, list[float]] = {}
    for row in rows:
        by_n.setdefault(row.n, []).append(row.coverage)
    parts = []
    for n, shares in sorted(by_n.items(), reverse=True):
        # Ends that read the same stand once.
        ends = dict.fromkeys(f"{end:.1%}" for end in (min(shares), max(shares)))
        parts.append(f"{' to '.join(ends)} at n = {n}")
    return "; ".join(parts)


def p_text(p: float | None) -> str:
    """A p-value for people, three digits.

    >>> p_text(0.0078125)
    '0.00781'
    """
    return "none" if p is None else f"{p:.3g}"
