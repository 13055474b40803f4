"""What the paired cases of two runs say of each dimension: better, worse, same, or cannot tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.errors import refuse
from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.loop.claims.response import (
    FAITHFUL,
    CarriedDifference,
    JudgeResponse,
    fit_response,
)
from memalign_bench.stats.clusters import case_mean
from memalign_bench.stats.multiplicity import holm
from memalign_bench.stats.planning.power import POWER, cases_needed
from memalign_bench.stats.resampling.sign_flips import sign_flips

__all__ = [
    "Call",
    "Decision",
    "Evidence",
    "GateRules",
    "Pairs",
    "Verdicts",
    "decide",
    "paired_difference",
    "verdicts",
]

Carry = Literal["labels", "none"]


class Call(StrEnum):
    """What is said of a dimension."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class GateRules:
    """How a gate decides.

    Attributes:
        margin: A true loss of up to this, in the experts' grades, counts as none.
        level: Chance of a false alarm over all dimensions together (and of a false "same").
        strict: Whether "cannot tell" shuts the gate.
        carry: `labels` carries the judge's error where it has a labelled sample; `none` takes its
            opinion as it stands.
        missing: `worst` or `exclude`: what a notebook that an agent owes counts.
        max_missing: Largest share of a dimension's pairs that may lack a grade.
        max_severe: More cases than this that fall from the highest grade to the lowest shut the
            gate; None only lists them.
        max_without: More than this share of the notebooks not there or unreadable, beyond the
            baseline's share, shut the gate whatever the judge makes of the rest.
        seed: Root seed of sign flips, where not all are tried.
        n_flips: How many are then drawn.

    Raises:
        RequestError: With every value that is no choice.
    """

    margin: float = 0.1
    level: float = 0.05
    strict: bool = False
    carry: Carry = "labels"
    missing: Literal["worst", "exclude"] = "worst"
    max_missing: float = 0.1
    max_severe: int | None = None
    max_without: float = 0.1
    seed: int = 0
    n_flips: int = 10_000

    def __post_init__(self) -> None:
        share = "from 0 to below 1"
        checks = {
            "margin": (_is_number(self.margin) and self.margin > 0, "above 0"),
            "level": (_is_number(self.level) and 0 < self.level < 0.5, "between 0 and 0.5"),
            "strict": (isinstance(self.strict, bool), "true or false"),
            "n_flips": (_is_count(self.n_flips, 100), "a whole number from 100"),
            "carry": (self.carry in ("labels", "none"), "labels or none"),
            "missing": (self.missing in ("worst", "exclude"), "worst or exclude"),
            "max_missing": (_is_number(self.max_missing) and 0 <= self.max_missing < 1, share),
            "max_without": (_is_number(self.max_without) and 0 <= self.max_without < 1, share),
            "max_severe": (
                self.max_severe is None or _is_count(self.max_severe, 0),
                "null or a whole number from 0",
            ),
        }
        refuse(
            f"{name} must be {expected}, got {getattr(self, name)!r}."
            for name, (is_valid, expected) in checks.items()
            if not is_valid
        )


class Pairs(NamedTuple):
    """Mean grades of the cases that two runs share, on one dimension.

    Attributes:
        baseline: Mean grade of each case's notebooks in the baseline, shape (c,).
        candidate: The same in the candidate.
        widest: Span of the scale.
        missing: Share of the cases of either run that lack a grade in one of them.
        lowest: The scale's lowest grade.
        owed: Share of each case's notebooks that the candidate owes, which stand with the lowest
            grade, less the share that the baseline owes; shape (c,), or one number for all.
    """

    baseline: NDArray[np.float64]
    candidate: NDArray[np.float64]
    widest: float
    missing: float = 0.0
    lowest: float = 0.0
    owed: NDArray[np.float64] | float = 0.0

    @property
    def differences(self) -> NDArray[np.float64]:
        """Candidate less baseline."""
        return self.candidate - self.baseline

    def differences_read_by(self, response: JudgeResponse) -> NDArray[np.float64]:
        """The same where what is owed stands as what the judge gives the lowest grade.

        No judge graded it: its true grade is known, and a polite judge would have shown less of it.
        """
        return self.differences + self.owed * (response.shown(self.lowest) - self.lowest)


@dataclass(frozen=True)
class Evidence:
    """What is said of one dimension, and from what.

    Attributes:
        dimension: Its name.
        call: What is said.
        n_cases: Paired cases.
        baseline: The judge's mean in the baseline.
        candidate: The same in the candidate.
        difference: Candidate less baseline, in the judge's grades.
        estimate: The same in the experts' grades; the judge's where no labels carry it.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_worse: Holm's p of a loss of no more than the margin.
        p_same: Holm's p of a difference beyond the margin.
        p_better: Holm's p of no gain.
        cases_needed: Cases with which an unchanged agent would be told to be the same; NaN where
            that is told already, or no number would do.
        slope: Judge's grades for one of the experts'; NaN where it is taken at its word.
        opinion: What would be said if the judge were taken at its word.
        note: What must be known of it.
    """

    dimension: str
    call: Call
    n_cases: int
    baseline: float
    candidate: float
    difference: float
    estimate: float
    low: float
    high: float
    p_worse: float
    p_same: float
    p_better: float
    cases_needed: float
    slope: float
    opinion: Call
    note: str


Verdicts = tuple[Evidence, ...]


def verdicts(
    pairs: Mapping[str, Pairs], labelled: Mapping[str, LabelledSample | None], rules: GateRules
) -> Verdicts:
    """Compare two runs dimension by dimension, corrected over dimensions (Holm 1979).

    Worse: a loss beyond the margin is confirmed. Same: a difference beyond the margin is ruled out
    either way. Better: a gain is confirmed, and not ruled out to be beyond the margin. Nothing else
    can be told.

    Args:
        pairs: Dimension -> its pairs, each with a case at least.
        labelled: Dimension -> its judge's labelled sample.
        rules: How to decide.
    """
    # How each judge answers to the experts, or that it is taken at its word.
    responses = {
        name: _judge_response(labelled.get(name))
        if rules.carry == "labels"
        else (FAITHFUL, _OPINION)
        for name in pairs
    }
    opinions = [paired_difference(name, case_means, rules) for name, case_means in pairs.items()]
    carried = [
        paired_difference(name, case_means, rules, responses[name][0])
        for name, case_means in pairs.items()
    ]
    # What would be said if the judge were taken at its word.
    opinion_calls = decide(opinions, rules).calls
    decided = decide(carried, rules)
    evidence_list = []
    for place, (name, case_means) in enumerate(pairs.items()):
        response, response_note = responses[name]
        call, interval = decided.calls[place], carried[place].interval()
        # Of what is not told: how many cases would tell.
        n_needed, needed_note = math.nan, ""
        if call is Call.CANNOT_TELL:
            n_needed, needed_note = _cases_to_tell(case_means, response, rules, len(pairs))
            if interval.high < 0:
                needed_note = f"a loss, not shown to be beyond the margin; {needed_note}"
        evidence = Evidence(
            dimension=name,
            call=call,
            n_cases=len(case_means.baseline),
            baseline=float(case_means.baseline.mean()),
            candidate=float(case_means.candidate.mean()),
            difference=float(case_means.differences.mean()),
            estimate=carried[place].mean,
            low=interval.low,
            high=interval.high,
            p_worse=float(decided.worse[place]),
            p_same=float(decided.same[place]),
            p_better=float(decided.better[place]),
            cases_needed=n_needed,
            # By identity: `_judge_response` gives this very object where nothing is carried.
            slope=math.nan if response is FAITHFUL else response.slope,
            opinion=opinion_calls[place],
            note="; ".join(filter(None, [response_note, needed_note])),
        )
        evidence_list.append(evidence)
    return tuple(evidence_list)


_OPINION = "the judge's opinion: its error is not carried"


def _is_number(value: object) -> bool:
    # Python counts True as a number, and as a whole one.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _judge_response(labelled: LabelledSample | None) -> tuple[JudgeResponse, str]:
    if labelled is None:
        return FAITHFUL, f"{_OPINION}, since it ships no labelled sample"
    try:
        response = fit_response(labelled)
    # The experts' grades differ too little to measure a slope by.
    except ValueError as error:
        return FAITHFUL, f"{_OPINION}, since {error}"
    correlation = f"r = {labelled.correlation:.2f} over {labelled.n_items} labelled items"
    if not labelled.is_informative:
        return response, f"the judge does not go along with the experts here ({correlation})"
    return response, ""


def paired_difference(
    name: str, pairs: Pairs, rules: GateRules, response: JudgeResponse = FAITHFUL
) -> CarriedDifference:
    """The paired difference of a dimension; by default the judge is taken at its word."""
    flips = sign_flips(
        pairs.differences_read_by(response),
        # Each pair is a case: notebooks of one case are averaged already.
        np.arange(len(pairs.baseline)),
        seed=rules.seed,
        n_flips=rules.n_flips,
        max_exact=1 + int(math.log2(rules.n_flips)),  # all sets, where they are not more than that
        names=("gate", name),
    )
    return CarriedDifference(flips, response, pairs.widest)


class Decision(NamedTuple):
    """Holm's p of each kind of call, a value a dimension, and what is called of it."""

    worse: NDArray[np.float64]
    same: NDArray[np.float64]
    better: NDArray[np.float64]
    calls: list[Call]


def decide(differences: Sequence[CarriedDifference], rules: GateRules) -> Decision:
    """Call every dimension, corrected over all of them (Holm 1979)."""
    # Each kind of call is corrected over the dimensions by itself.
    worse = holm([difference.p_below(-rules.margin) for difference in differences])
    same = holm([difference.p_within(rules.margin) for difference in differences])
    better = holm([difference.p_above(0.0) for difference in differences])
    calls = []
    for place in range(len(differences)):
        # A confirmed loss beyond the margin goes before everything; what is inside the margin is
        # the same even where a small gain is confirmed.
        if worse[place] <= rules.level:
            calls.append(Call.WORSE)
        elif same[place] <= rules.level:
            calls.append(Call.SAME)
        elif better[place] <= rules.level:
            calls.append(Call.BETTER)
        else:
            calls.append(Call.CANNOT_TELL)
    return Decision(worse, same, better, calls)


def _cases_to_tell(
    pairs: Pairs, response: JudgeResponse, rules: GateRules, family: int
) -> tuple[float, str]:
    """Cases with which two one-sided tests would find an unchanged agent the same; and in words.

    Each must be passed at level / family with a chance of 1 - (1 - power) / 2. What the slope is
    off by does not shrink with the cases, so it is taken off the margin.
    """
    from scipy.stats import norm

    chance = 1 - (1 - POWER) / 2
    # Bonferroni's level, the first step of Holm.
    z = float(norm.ppf(1 - rules.level / family) + norm.ppf(chance))
    # A loss as large as the margin shows as slope * margin in the judge's grades.
    squared_target = (rules.margin * max(0.0, response.slope)) ** 2
    squared_target -= (z * rules.margin * response.error) ** 2
    if squared_target <= 0:
        return math.nan, (
            "no number of cases would tell: the judge's labelled sample leaves its response too"
            " uncertain; label more notebooks"
        )
    spread = case_mean(pairs.differences_read_by(response), np.arange(len(pairs.baseline)))
    target = math.sqrt(squared_target)
    # It takes the level of a two-sided test, and each of these is one-sided.
    needed = cases_needed(target, spread, level=2 * rules.level, power=chance, family=family)
    if math.isnan(needed):
        return needed, "no spread over cases"
    return needed, f"about {needed:.0f} cases like these would tell"
