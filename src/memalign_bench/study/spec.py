"""One run, completely specified: what is judged, by whom, aligned how, cut into which folds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from memalign_bench.alignment.base import Alignment
from memalign_bench.backends.base import BackendSpec
from memalign_bench.datasets.attacks import Attack
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.judging.checklist import ChecklistScoring
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.relative import Prior
from memalign_bench.judging.scoring import Scoring
from memalign_bench.notebooks.views import ViewSettings, fact_settings
from memalign_bench.study.splits import SplitRule
from memalign_bench.types import NO_MODEL, Rubric

__all__ = ["DatasetSource", "RunSpec", "digest_of", "rubric_digest"]

Applicability = Literal["judge", "given"]
Calibration = Literal["none", "batch"]


class DatasetSource(Protocol):
    """Where labelled items come from."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read and check; raises `DataError` with every problem."""


@dataclass(frozen=True)
class RunSpec:
    """What one Hydra job runs. Built by `config.build`; nothing below sees a config node.

    Attributes:
        study: Name of the study, a folder under `results_dir`.
        results_dir: Where studies lie.
        dataset: Where labelled items come from.
        rubric: The questions.
        dimensions: Which of them, in the rubric's order.
        n_cases: Only a draw of so many whole cases; None for all.
        limit: Only the first so many items; None for all.
        gold: How several raters become one score.
        folds: Number of folds.
        fold_seed: Seed of the folds.
        splits: How folds are made.
        repeats: How often each question is asked.
        view: How items are shown.
        backend: The judge's model.
        reflection: The model that distils; None for the judge's own.
        scoring: How a score is got.
        prompt: How the question is put.
        applicability: Whether the judge is asked if a dimension applies.
        alignment: What makes the judge agree.
        calibration: The reading that `judge_score` holds.
        variant: Alignment and every number-deciding key set away from its default.
        decides: Those keys and values that decide the numbers, flat.
        call_store: The SQLite file of calls; None for the study's own.
        max_minutes: How long a sitting may ask; None for as long as it takes.
        budget_usd: The most that the calls in the store may cost together; None for any.
        embedding: The model that embeds (`embedder=backend`); None for the judge's own.
        n_train: Training labels of a cell; None for all of the other folds.
        label_noise: Share of training labels that are wrong, 0 to 1.
        prior: Where the judge's habit is measured, by which its distributions are divided.
        facts: How facts are read of an item for finding neighbours (`memory.query=facts`).
        attribute: Ask again without each entry of memory, to tell what each is worth.
        attack: What is planted in judged items; None for nothing.
        config: The whole configuration as plain values, without places and secrets.
    """

    study: str
    results_dir: Path
    dataset: DatasetSource
    rubric: Rubric
    dimensions: tuple[str, ...]
    n_cases: int | None
    limit: int | None
    gold: str
    folds: int
    fold_seed: int
    splits: SplitRule
    repeats: int
    view: ViewSettings
    backend: BackendSpec
    reflection: BackendSpec | None
    scoring: Scoring
    prompt: PromptLayout
    applicability: Applicability
    alignment: Alignment
    calibration: Calibration
    variant: str
    decides: Mapping[str, Any]
    call_store: Path | None = None
    max_minutes: float | None = None
    budget_usd: float | None = None
    embedding: BackendSpec | None = None
    n_train: int | None = None
    label_noise: float = 0.0
    prior: Prior = "none"
    facts: ViewSettings = field(default_factory=fact_settings)
    attribute: bool = False
    attack: Attack | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def embeds_facts(self) -> bool:
        """Whether neighbours are found by facts."""
        return "facts" in self.alignment.keys

    @property
    def study_dir(self) -> Path:
        """The study's folder."""
        return self.results_dir / self.study

    @property
    def store_path(self) -> Path:
        """The call store's file."""
        return self.call_store or self.study_dir / "calls.sqlite"

    @property
    def backend_name(self) -> str:
        """Name of the backend choice, `none` where no model is asked."""
        return self.backend.name if self.alignment.needs_model else NO_MODEL

    @property
    def model_name(self) -> str:
        """Name of the model, `none` where no model is asked."""
        return self.backend.model_name if self.alignment.needs_model else NO_MODEL

    @property
    def view_label(self) -> str:
        """Name under which views of this run are stored; those of attacked items have their own."""
        return self.view.label + (f",attack={self.attack.name}" if self.attack else "")

    @property
    def learns_criteria(self) -> bool:
        """Whether a checklist's answers are put together by what training labels taught."""
        scoring = self.scoring
        return isinstance(scoring, ChecklistScoring) and scoring.combine == "learnt"

    def identity(self, data: LabelledDataset) -> dict[str, Any]:
        """Everything that decides the numbers, as JSON values.

        Paths, concurrency, tracker, calibration and the study's name are not in it, nor is
        `n_cases`, which the data's digest tells.
        """
        # Only the models that this alignment asks: no other could change a number.
        models: dict[str, Any] = {}
        if self.alignment.needs_model:
            models["backend"] = self.backend.identity()
            if "reflection" in self.alignment.keys and self.reflection:
                models["reflection"] = self.reflection.identity()
            if "embedding" in self.alignment.keys and self.embedding:
                models["embedding"] = self.embedding.identity()
        return {
            "data": data.digest,
            "gold": self.gold,
            # Sorted: in which order they are asked decides no number.
            "dimensions": sorted(self.dimensions),
            "limit": self.limit,
            "rubric": rubric_digest(self.rubric, self.dimensions),
            "fold_seed": self.fold_seed,
            "repeats": self.repeats,
            "alignment": self.alignment.name,
            "decides": dict(self.decides),
            "models": models,
        }

    def run_id(self, data: LabelledDataset) -> str:
        """Twelve hex digits that name the run by what decides its numbers."""
        return digest_of(self.identity(data))[:12]


def digest_of(value: Any) -> str:
    """Hex sha256 of a JSON value."""
    # With sorted keys equal values have one text.
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def rubric_digest(rubric: Rubric, dimensions: tuple[str, ...]) -> str:
    """Hex sha256 of the scale and of the questions that are asked."""
    questions = [asdict(rubric.dimensions[name]) for name in sorted(dimensions)]
    for dimension in questions:
        # As pairs, which keep grades as numbers: JSON's keys are text.
        dimension["levels"] = sorted(dimension["levels"].items())
    # "a" is left out, as before there was another.
    artefact = rubric.named_artefact.removeprefix("a ")
    # How files spell "not applicable" decides no number.
    scale = {"grades": rubric.scale.grades, "words": rubric.scale.words}
    return digest_of([artefact, scale, questions])
