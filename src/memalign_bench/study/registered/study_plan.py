"""What a registered plan says: which contrasts are claims, and how they will be tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.study.spec import RunSpec, digest_of

__all__ = ["INTERVALS", "Contrast", "PlanInWords", "StudyPlan", "plan_of"]

# Read-only, since every plan holds this very mapping.
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
            "asked": [contrast._asdict() for contrast in self.asked],
            "contrasts": [contrast._asdict() for contrast in self.contrasts],
            "metrics": list(self.metrics),
            "backends": list(self.backends),
            "dimensions": None if self.dimensions is None else list(self.dimensions),
            "calibration": self.calibration,
            "stats": dict(self.stats),
            "intervals": dict(self.intervals),
            "words": asdict(self.words) if self.words else None,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> StudyPlan:
        """A plan as `plan.json` holds it.

        Raises:
            RecordError: If it is no such thing.
        """
        try:
            dimensions = content["dimensions"]
            return cls(
                asked=tuple(Contrast(**entry) for entry in content["asked"]),
                contrasts=tuple(Contrast(**entry) for entry in content["contrasts"]),
                metrics=tuple(map(str, content["metrics"])),
                backends=tuple(map(str, content["backends"])),
                dimensions=None if dimensions is None else tuple(map(str, dimensions)),
                calibration=content["calibration"],
                stats=dict(content["stats"]),
                intervals=dict(content["intervals"]),
                words=PlanInWords(**content["words"]) if content["words"] else None,
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
        """What a later command wants otherwise, a line each; what it leaves open is no difference.

        Variants, backends and dimensions that are new are no change of the plan: they are not in
        it.
        """
        ours, theirs = self._fixed_settings(other), other._fixed_settings(other)
        return [
            f"{key} is {_setting_text(ours[key])} in the plan, {_setting_text(theirs[key])} here"
            # What `other` leaves open is a key of neither.
            for key in theirs
            if key in ours and ours[key] != theirs[key]
        ]

    def _fixed_settings(self, other: StudyPlan) -> dict[str, Any]:
        """The plan's settings that both plans fix, by configuration key."""
        settings: dict[str, Any] = {
            "claims.contrasts": [list(contrast) for contrast in self.asked],
            "claims.metrics": list(self.metrics),
            **{f"stats.{key}": value for key, value in sorted(self.stats.items())},
        }
        if None not in (self.calibration, other.calibration):
            settings["calibration"] = self.calibration
        return settings | ({"plan (in words)": self.words} if other.words else {})


def _setting_text(value: Any) -> str:
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
    # Every job must agree with the first on what a single job settles.
    # A line begins with its key: "stats.margin is 0.1 in the plan, ...".
    disagreeing = [line.split(" is ")[0] for plan in plans for line in plans[0].differing(plan)]
    # These two take all jobs, so no job's plan holds them yet.
    disagreeing += [
        f"claims.{key}"
        for key in ("backends", "dimensions")
        if any(spec.config["claims"][key] != specs[0].config["claims"][key] for spec in specs)
    ]
    if disagreeing:
        raise RequestError(
            "the jobs of one study share one plan, and these do not agree on"
            f" {'; '.join(dict.fromkeys(disagreeing))}. Give each a study (study=NAME)."
        )
    claims = specs[0].config["claims"]
    asked = plans[0].asked
    return replace(
        plans[0],
        # Of the first job that has distributions; one without them has no say.
        calibration=next(
            (plan_of_job.calibration for plan_of_job in plans if plan_of_job.calibration), None
        ),
        contrasts=tuple(
            Contrast(*(_variant_meant_by(name, specs) for name in pair)) for pair in asked
        ),
        backends=tuple(sorted(claims["backends"] or _backends_asked(specs))),
        dimensions=_claim_dimensions(specs),
    )


def _plan_of_job(spec: RunSpec, words: PlanInWords | None) -> StudyPlan:
    """What one job's configuration says of the plan; what takes all jobs is left empty."""
    claims = spec.config["claims"]
    return StudyPlan(
        asked=tuple(Contrast(*map(str, pair)) for pair in claims["contrasts"]),
        contrasts=(),
        metrics=tuple(claims["metrics"]),
        backends=(),
        dimensions=None,
        calibration=spec.calibration if _has_distributions(spec) else None,
        # `_target_` is Hydra's: which class is built of the settings.
        stats={key: value for key, value in spec.config["stats"].items() if key != "_target_"},
        intervals=INTERVALS,
        words=words,
    )


def _has_distributions(spec: RunSpec) -> bool:
    """Whether a job has distributions, without which `calibration` means nothing to it."""
    return spec.alignment.needs_model and spec.scoring.name != "verdict"


def _variant_meant_by(name: str, specs: Sequence[RunSpec]) -> str:
    """The variant meant by an alignment's name: the one of that name, or the only one there is.

    An alignment that is not run yet is meant with the settings that all these jobs have; `none`
    without those of a memory or of labels, which its variant never holds.
    """
    variants = {spec.variant for spec in specs if spec.alignment.name == name}
    # A name with settings is meant with these alone.
    if not variants and "," not in name:
        # "full,memory.k=2" is `full` with the setting memory.k=2.
        variants = {",".join([name, *_settings_beside(name, spec)]) for spec in specs}
    # Where several could be meant, none is chosen.
    return name if name in variants or len(variants) != 1 else next(iter(variants))


def _settings_beside(name: str, spec: RunSpec) -> list[str]:
    """A job's settings (`memory.k=2`) that another alignment of this name would have too."""
    settings = spec.variant.split(",")[1:]
    if name != "none":
        return settings
    of_memory = {*spec.alignment.keys, "n_train", "label_noise"}
    return [
        setting
        for setting in settings
        # A key may stand for all below it: `embedder` for `embedder.path`.
        if not any(f"{setting.partition('=')[0]}.".startswith(f"{key}.") for key in of_memory)
    ]


def _backends_asked(specs: Sequence[RunSpec]) -> set[str]:
    """Backends that the jobs ask; all named ones where no job needs a model."""
    asking = {spec.backend.name for spec in specs if spec.alignment.needs_model}
    return asking or {spec.backend.name for spec in specs}


def _claim_dimensions(specs: Sequence[RunSpec]) -> tuple[str, ...] | None:
    """The claims' dimensions: as configured, else None where some job runs on all of them."""
    chosen = specs[0].config["claims"]["dimensions"]
    if chosen is not None:
        return tuple(map(str, chosen))
    if any(spec.config.get("dimensions") is None for spec in specs):
        return None
    # Each once, in the order of the jobs.
    return tuple(dict.fromkeys(name for spec in specs for name in spec.dimensions))
