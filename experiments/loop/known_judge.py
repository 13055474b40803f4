"""A simulated judge that knows the bundled notebooks' grades, and errs as often as it is told.

For trying the loop without a model: it sees what it is shown well enough to tell which notebook it
is, and looks its grade up. Nothing it says is a judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from memalign_bench.backends.base import Connection, Message
from memalign_bench.backends.simulated.prompt_reader import read_prompt, words
from memalign_bench.backends.simulated.scripted_judge import Scripted, SimulatedJudge
from memalign_bench.config import config_dir
from memalign_bench.config.building import instantiate_group
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.datasets.gold import gold_labels
from memalign_bench.notebooks.views import whole_text
from memalign_bench.types import Rubric


@dataclass(frozen=True)
class Known(Scripted):
    """Settings of the judge.

    Attributes:
        error: Chance of a neighbouring grade instead of the right one.
        lenient: Chance of the top grade, whatever the notebook.
        name: Name of the YAML choice.
    """

    error: float = 0.15
    lenient: float = 0.0
    name: str = "known"

    @property
    def model_name(self) -> str:
        """The model's name for records and people."""
        return "known"

    def identity(self) -> dict[str, Any]:
        """What decides the answers."""
        return {
            "provider": "known",
            "error": float(self.error),
            "lenient": float(self.lenient),
            "seed": int(self.seed),
        }

    def connect(self) -> Connection:
        """The judge itself."""
        return _KnownJudge(self)


class _KnownJudge(SimulatedJudge):
    settings: Known

    def decide(self, messages: Sequence[Message], options: Sequence[str]) -> str:
        """The grade of the notebook that is shown, or one beside it; options rise in grade."""
        text = "\x1e".join(message.content for message in messages)
        corpus = _corpus()
        grade = corpus.grade(read_prompt(messages).item, corpus.dimension(text))
        grades = [option for option in options if option.lower() not in ("0", "n/a")]
        if self._chance("lenient", text) < self.settings.lenient:
            return grades[-1]
        if not grade:
            return grades[0]
        if self._chance("error", text) < self.settings.error:
            beside = [one for one in (grade - 1, grade + 1) if 1 <= one <= len(grades)]
            grade = beside[int(self._chance("which", text) * len(beside))]
        return grades[grade - 1]


class _Corpus:
    def __init__(
        self, rubric: Rubric, shown: dict[str, frozenset[str]], grades: dict[Any, int]
    ) -> None:
        self.rubric, self.words, self.grades = rubric, shown, grades

    def dimension(self, prompt: str) -> str:
        """The dimension whose question a prompt asks."""
        return next(n for n, one in self.rubric.dimensions.items() if one.question in prompt)

    def grade(self, view: str, dimension: str) -> int:
        """The grade of the notebook that shares most words with a view; 0 where few are shared."""
        shown = words(view)
        found = max(self.words, key=lambda name: len(shown & self.words[name]))
        known = len(shown & self.words[found]) > len(shown) / 2
        return self.grades.get((found, dimension), 0) if known else 0


@cache
def _corpus() -> _Corpus:
    node = OmegaConf.load(config_dir() / "rubric" / "ml_notebooks.yaml")
    rubric: Rubric = instantiate_group("rubric", {"rubric": OmegaConf.to_container(node)})
    data = FolderSource("genie_synth", seed=0).load(rubric)
    shown = {name: words(whole_text(item)) for name, item in data.item.items()}
    golds = gold_labels(data, "adjudicated", list(rubric.dimensions))
    return _Corpus(rubric, shown, {key: gold.score for key, gold in golds.items()})
