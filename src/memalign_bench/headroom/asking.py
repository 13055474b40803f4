"""Asking a judge what it sees: each fact by itself, each criterion of the rubric, and the grade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

from memalign_bench import prompt_parts
from memalign_bench.backends.base import Backend, Message
from memalign_bench.errors import AlignmentError, FailedCallError
from memalign_bench.headroom.facets import FacetQuestions, Fact
from memalign_bench.judging.checklist import Criterion
from memalign_bench.judging.judge import ItemJudge, Judge, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.scoring import LogprobScoring
from memalign_bench.judging.structured import cost_of
from memalign_bench.judging.yes_no import ask_yes_no
from memalign_bench.study.plan import Plan, RowKey, RunCell
from memalign_bench.study.running.aligning import Models
from memalign_bench.study.running.pool import Clock, Pool, Progress, Question
from memalign_bench.types import NOT_APPLICABLE, Verdict

__all__ = ["Answer", "AnswerKey", "QuestionSet", "ask", "graded_rows", "n_questions"]


class AnswerKey(NamedTuple):
    """Which question an answer is to: a fact, a criterion (by its place, from 0), or the grade."""

    dimension: str
    item_id: str
    kind: str
    name: str


class Answer(NamedTuple):
    """Chances: of yes (a fact, a criterion), or of each grade, rising."""

    chances: tuple[float, ...]
    prompt_tokens: int


@dataclass(frozen=True)
class QuestionSet:
    """The questions that are asked about every item.

    Attributes:
        wording: What stands around a question.
        facts: Dimension -> facts that differ between its items.
        criteria: Dimension -> the rubric's criteria; empty where they are not asked.
        grades: Whether the grade is asked for, as the unaligned judge of a run is.
    """

    wording: FacetQuestions
    facts: Mapping[str, Sequence[Fact]]
    criteria: Mapping[str, Sequence[Criterion]]
    grades: bool

    def yes_no(self, dimension: str) -> Iterator[tuple[str, str, str]]:
        """Kind, name and question of what is answered by yes or no."""
        for fact in self.facts.get(dimension, ()):
            yield "facts", fact.name, fact.question
        for place, criterion in enumerate(self.criteria.get(dimension, ())):
            yield "criteria", str(place), criterion.question


@dataclass(frozen=True)
class _FactJudge:
    """Answers one yes/no question about an item; the rubric is not shown.

    The item stands in the system message: what all its questions begin with is read once.
    """

    backend: Backend
    layout: PromptLayout
    instruction: str
    question: str

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        # No rubric: what is seen is to be told apart from what the rubric makes of it.
        shown = f"{self.instruction}\n\n{prompt_parts.ITEM}\n{item.text}"
        messages = (Message("system", shown), Message("user", self.question))
        answer = ask_yes_no(self.backend, self.layout, messages, repeat)
        no, yes = answer.probabilities
        # The score is not read: only the chance of yes counts here.
        return Verdict(int(yes > no), criteria=(yes,), cost=cost_of(answer))


def n_questions(plan: Plan, question_set: QuestionSet) -> int:
    """How many questions there are."""
    return sum(
        # A bool counts as 0 or 1: the grade is one question.
        len(list(question_set.yes_no(name))) + question_set.grades
        for name, _, _ in graded_rows(plan)
    )


def graded_rows(plan: Plan) -> list[RowKey]:
    """Rows of the items to which a dimension applies, each once."""
    return [
        key
        for key in plan.row_keys()
        # The first repeat stands for all of them.
        if key.repeat == 0 and plan.gold[key.labelled].score is not NOT_APPLICABLE
    ]


def ask(
    plan: Plan, question_set: QuestionSet, models: Models, clock: Clock, progress: Progress
) -> tuple[dict[AnswerKey, Answer], list[str]]:
    """Ask everything.

    Returns:
        The answers, and a line for each question that failed.

    Raises:
        BackendError: If the model cannot serve at all, or money or time that were set are used up;
            what was answered is in the call store.
    """
    run = _AskingRun(plan, question_set, models, progress)
    # The judge is unaligned, so that making a cell does nothing.
    pool = Pool(clock, lambda cell: cell, run.queue, run.gather)
    pool.work(plan.cells(graded_rows(plan)), models.judge.max_concurrency)
    # Sorted, since answers come back in any order.
    return run.answers, sorted(run.failures)


@dataclass
class _AskingRun:
    plan: Plan
    question_set: QuestionSet
    models: Models
    progress: Progress
    answers: dict[AnswerKey, Answer] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def queue(self, cell: RunCell, future: Future[RunCell]) -> list[Question[AnswerKey]]:
        """A cell's questions, those of one item beside each other, the grades last."""
        # There is nothing to align; an error would be raised here.
        future.result()
        # Grouped so that a prefix cache serves them: an item's facts share its text, the grades
        # share the rubric.
        judges = list(self._yes_no_judges(cell.dimension))
        graders = [self._grade_judge(cell.dimension)] if self.question_set.grades else []
        return [
            self._question(cell.dimension, item_id, kind, name, judge)
            for group in (judges, graders)
            for item_id in cell.test
            for kind, name, judge in group
        ]

    def _question(
        self, dimension: str, item_id: str, kind: str, name: str, judge: ItemJudge
    ) -> Question[AnswerKey]:
        key = AnswerKey(dimension, item_id, kind, name)
        return Question(key, judge, self.plan.asked(item_id, dimension), 0)

    def _yes_no_judges(self, dimension: str) -> Iterator[tuple[str, str, ItemJudge]]:
        wording, spec = self.question_set.wording, self.plan.spec
        instruction = wording.instruction.replace("{artefact}", spec.rubric.artefact)
        for kind, name, text in self.question_set.yes_no(dimension):
            question = f"{text} {wording.ending}"
            judge = _FactJudge(self.models.judge, spec.prompt, instruction, question)
            yield kind, name, judge

    def _grade_judge(self, dimension: str) -> tuple[str, str, ItemJudge]:
        spec = self.plan.spec
        question = spec.rubric.dimensions[dimension]
        judge = Judge(spec.rubric, question, self.models.judge, LogprobScoring(), spec.prompt)
        return "grades", "", judge

    def gather(self, key: AnswerKey, future: Future[Verdict]) -> None:
        """Keep an answer, or why there is none."""
        try:
            verdict = future.result()
        except (AlignmentError, FailedCallError) as error:
            where = ", ".join(filter(None, key))
            # Kept, not raised: all other questions are asked first, and their answers stored.
            self.failures.append(f"{where}: {error}")
            self.progress.advance(failed=True)
            return
        # A yes/no answer comes as one criterion, a grade as a distribution.
        chances = verdict.criteria or tuple((verdict.distribution or {}).values())
        self.answers[key] = Answer(chances, verdict.cost.usage.prompt_tokens)
        self.progress.advance(failed=False)
