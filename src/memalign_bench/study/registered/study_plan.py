"""What a registered plan says: which contrasts are claims, and how they will be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.study.spec import RunSpec, digest_of

__all__ = ["INTERVALS", "Contrast", "PlanInWords", "StudyPlan", "plan_of"]

INTERVALS: Mapping[str, str] = MappingProxyType(
    {
        "mae": "inverted sign-flip test over cases",
        "mae, batch reading": "percentile bootstrap over cases, the reading taken anew",
        "spearman": "delete-one-case jackknife-t",
        "correction": "Holm over all claims of the study",
        "level": "0.05",
    }
)
"""How claims are tested, by metric; a report of a later version that tests otherwise says so."""


class Contrast(NamedTuple):
    """A claim's two sides, by the names of their variants."""

    variant: str
    reference: str


@dataclass(frozen=True)
class PlanInWords:
    """A plan that people wrote: the name of its file, and the sha256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class StudyPlan:
    """What is settled before a study's first call. Everything else in the study is exploratory.

    Attributes:
        asked: The contrasts as the configuration names them.
        contrasts: The same, each side as the variant that stands for it: an alignment that the
            first command ran with settings of its own only (`full,memory.k=2`) is meant with them.
        metrics: `mae`, `spearman`.
        backends: Names of the backends on which the contrasts are claims.
        dimensions: The dimensions on which they are; None for every labelled one.
        calibration: The reading: `none` or `batch`; None of jobs that have no distributions, and
            hence no say.
        stats: `margin`, `missing`, `n_resamples`, `seed`, as `conf/stats` has them.
        intervals: `INTERVALS`, as they were then.
        words: The plan in words, if there is one.
    """

    asked: tuple[Contrast, ...]
    contrasts: tuple[Contrast, ...]
    metrics: tuple[str, ...]
    backends: tuple[str, ...]
    dimensions: tuple[str, ...] | None
    calibration: str | None
    stats: Mapping[str, Any]
    intervals: Mapping[str, str]
    words: PlanInWords | None = None

    @property
    def digest(self) -> str:
        """Hex sha256 of all that the plan says."""
        return digest_of(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The plan as `plan.json` holds it."""
        return {
            "asked": [one._asdict() for one in self.asked],
            "contrasts": [one._asdict() for one in self.contrasts],
            "metrics": list(self.metrics),
            "backends": list(self.backends),
            "dimensions": None if self.dimensions is None else list(self.dimensions),
            "calibration": self.calibration,
            "stats": dict(self.stats),
            "intervals": dict(self.intervals),
            "words": asdict(self.words) if self.words else None,
        }

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> StudyPlan:
        """A plan as `plan.json` holds it.

        Raises:
            RecordError: If it is no such thing.
        """
        try:
            named = held["dimensions"]
            return cls(
                asked=tuple(Contrast(**entry) for entry in held["asked"]),
                contrasts=tuple(Contrast(**entry) for entry in held["contrasts"]),
                metrics=tuple(map(str, held["metrics"])),
                backends=tuple(map(str, held["backends"])),
                dimensions=None if named is None else tuple(map(str, named)),
                calibration=held["calibration"],
                stats=dict(held["stats"]),
                intervals=dict(held["intervals"]),
                words=PlanInWords(**held["words"]) if held["words"] else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(
                f"plan.json is no plan ({type(error).__name__}: {error}); get the study's own back,"
                " or begin another study (study=NAME)."
            ) from error

    def names(self, variant: str, reference: str, backends: Iterable[str]) -> bool:
        """Whether a contrast is one of the plan's, with all its models."""
        return Contrast(variant, reference) in self.contrasts and set(backends) <= {*self.backends}

    def differing(self, other: StudyPlan) -> list[str]:
        """What a later command wants otherwise, a line each; what it does not say is no difference.

        Variants, backends and dimensions that are new are no change of the plan: they are not in
        it.
        """
        mine, theirs = self._settled(other), other._settled(other)
        return [
            f"{key} is {_shown(mine[key])} in the plan, {_shown(theirs[key])} here"
            for key in theirs
            if key in mine and mine[key] != theirs[key]
        ]

    def _settled(self, said: StudyPlan) -> dict[str, Any]:
        settled: dict[str, Any] = {
            "claims.contrasts": [list(contrast) for contrast in self.asked],
            "claims.metrics": list(self.metrics),
            **{f"stats.{key}": value for key, value in sorted(self.stats.items())},
        }
        if None not in (self.calibration, said.calibration):
            settled["calibration"] = self.calibration
        return settled | ({"plan (in words)": self.words} if said.words else {})


def _shown(value: Any) -> str:
    if isinstance(value, PlanInWords):
        return f"{value.name} (sha256 {value.sha256[:12]})"
    return "none" if value is None else str(value)


def plan_of(specs: Sequence[RunSpec], words: PlanInWords | None = None) -> StudyPlan:
    """The plan of the study that these jobs begin, from their configuration.

    Args:
        specs: Every job of the command, of one study; at least one.
        words: The plan that people wrote.

    Raises:
        RequestError: If the jobs want different plans; says what differs.
    """
    plans = [_plan_of_job(spec, words) for spec in specs]
    differing = [line.split(" is ")[0] for plan in plans for line in plans[0].differing(plan)]
    if differing:
        raise RequestError(
            "the jobs of one study share one plan, and these do not agree on"
            f" {'; '.join(dict.fromkeys(differing))}. Give each a study (study=NAME)."
        )
    named = specs[0].config["claims"]
    asked = plans[0].asked
    return replace(
        plans[0],
        calibration=next((one.calibration for one in plans if one.calibration), None),
        contrasts=tuple(Contrast(*(_standing_for(name, specs) for name in pair)) for pair in asked),
        backends=tuple(sorted(named["backends"] or _backends(specs))),
        dimensions=_dimensions(specs),
    )


def _plan_of_job(spec: RunSpec, words: PlanInWords | None) -> StudyPlan:
    claims = spec.config["claims"]
    return StudyPlan(
        asked=tuple(Contrast(*map(str, pair)) for pair in claims["contrasts"]),
        contrasts=(),
        metrics=tuple(claims["metrics"]),
        backends=(),
        dimensions=None,
        calibration=spec.calibration if _has_say(spec) else None,
        stats={key: value for key, value in spec.config["stats"].items() if key != "_target_"},
        intervals=INTERVALS,
        words=words,
    )


def _has_say(spec: RunSpec) -> bool:
    return spec.alignment.needs_model and spec.scoring.name != "verdict"


def _standing_for(name: str, specs: Sequence[RunSpec]) -> str:
    """The variant that is meant by an alignment's name: the plain one, or the only one there is.

    An alignment that is not run yet is meant with the settings that all these jobs have.
    """
    variants = {spec.variant for spec in specs if spec.alignment.name == name}
    if not variants and "," not in name:
        settings = {spec.variant.partition(",")[2] for spec in specs}
        variants = {f"{name},{own}".rstrip(",") for own in settings}
    return name if name in variants or len(variants) != 1 else next(iter(variants))


def _backends(specs: Sequence[RunSpec]) -> set[str]:
    asking = {spec.backend.name for spec in specs if spec.alignment.needs_model}
    return asking or {spec.backend.name for spec in specs}


def _dimensions(specs: Sequence[RunSpec]) -> tuple[str, ...] | None:
    named = specs[0].config["claims"]["dimensions"]
    if named is not None:
        return tuple(map(str, named))
    if any(spec.config.get("dimensions") is None for spec in specs):
        return None
    return tuple(dict.fromkeys(name for spec in specs for name in spec.dimensions))
