"""What a judge's answers say: what it sees of each item, and what labels make of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.base import Backend
from memalign_bench.headroom import bound
from memalign_bench.headroom.asking import Answer, AnswerKey, QuestionSet, graded_rows
from memalign_bench.headroom.facets import FacetQuestions, Fact
from memalign_bench.headroom.parts import ItemSight, item_sight
from memalign_bench.headroom.sight import Sight, answers_in_folds, sight_of
from memalign_bench.judging.cumulative import log_odds
from memalign_bench.memory.embedders import Embedder
from memalign_bench.study.plan import Plan

__all__ = ["Reading", "Sights", "Truth"]

Sights = Mapping[str, Mapping[str, Sight]]
"""Dimension -> fact -> how well it is seen."""

Truth = Mapping[tuple[str, str], Mapping[str, bool]]
"""(dimension, item id) -> every fact as it is."""


@dataclass
class Reading:
    """Answers as sight and bound.

    Attributes:
        plan: The items, with their gold and folds.
        facets: The conventions.
        asked: What was asked.
        truth: (dimension, item id) -> every fact as it is; empty without planted facts.
        answers: What was answered.
        thresholds: Dimension -> fact -> what was found on another corpus; None to choose here.
        sights: Dimension -> fact -> what counts of it.
        chosen_here: The same, found on these items.
    """

    plan: Plan
    facets: FacetQuestions
    asked: QuestionSet
    truth: Truth
    answers: Mapping[AnswerKey, Answer]
    thresholds: Sights | None

    def __post_init__(self) -> None:
        self.items = {
            name: [item for dimension, item, _ in graded_rows(self.plan) if dimension == name]
            for name in self.plan.spec.dimensions
        }
        self.planted = {
            name: [item for item in self.items[name] if (name, item) in self.truth]
            for name in self.asked.facts
        }
        self.chosen_here = {
            name: {fact.name: sight_of(*self._told(name, fact)) for fact in facts}
            for name, facts in self.asked.facts.items()
        }
        self.sights = {name: self._sights(name) for name in self.asked.facts}
        self.yes = {name: self._answers(name) for name in self.asked.facts}

    def _told(self, name: str, fact: Fact) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Chances of yes, and the truth, by item."""
        items = self.planted[name]
        chances = [
            self.answers[AnswerKey(name, item, "facts", fact.name)].chances for item in items
        ]
        truth = [self.truth[name, item][fact.name] for item in items]
        return np.array(chances)[:, 0], np.array(truth, dtype=bool)

    def _sights(self, name: str) -> dict[str, Sight]:
        """What counts for each fact: what was found elsewhere, or here."""
        given = self.thresholds
        if given is None:
            return dict(self.chosen_here[name])
        nothing = "no threshold: it holds of all or of no item of the corpus that chose them"
        return {
            fact: given.get(name, {}).get(fact)
            or Sight(0.5, False, here.usual, here.n_items, here.n_true, None, None, nothing)
            for fact, here in self.chosen_here[name].items()
        }

    def _answers(self, name: str) -> dict[str, NDArray[np.bool_]]:
        """Fact -> yes or no by item; with thresholds of these items, by those of other folds."""
        folds = [self.plan.fold[item] for item in self.planted[name]]
        found = {}
        for fact in self.asked.facts[name]:
            chances, truth = self._told(name, fact)
            one = self.sights[name][fact.name]
            if self.thresholds is None:
                found[fact.name] = answers_in_folds(chances, truth, folds)
                continue
            found[fact.name] = chances > one.threshold
            if one.seen and len(set(found[fact.name].tolist())) == 1:
                said = "yes" if found[fact.name][0] else "no"
                note = f"answers {said} to all at the threshold chosen elsewhere"
                self.sights[name][fact.name] = replace(one, seen=False, note=note)
        return found

    def answer_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of `answers.parquet`, sorted; a grade's chances a row each."""
        places = {
            name: {item: at for at, item in enumerate(self.planted[name])} for name in self.yes
        }
        for key in sorted(self.answers):
            name, item, kind, what = key
            answer, row = self.answers[key], key._asdict()
            row["prompt_tokens"] = answer.prompt_tokens
            if kind == "grades":
                for grade, chance in zip(
                    self.plan.spec.rubric.scale.grades, answer.chances, strict=True
                ):
                    yield {**row, "name": str(grade), "chance": chance}
                continue
            row["chance"] = answer.chances[0]
            if kind == "facts" and item in places[name]:
                one = self.sights[name][what]
                row |= {
                    "truth": self.truth[name, item][what],
                    "threshold": one.threshold,
                    "answer": bool(self.yes[name][what][places[name][item]]),
                    "seen": one.seen,
                }
            yield row

    def sight_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of `sight.parquet`."""
        for name in self.yes:
            for place, item in enumerate(self.planted[name]):
                seen = self._item(name, item, place)
                yield {**self._head(name, item), **asdict(seen)}

    def _item(self, name: str, item: str, place: int) -> ItemSight:
        sights, convention = self.sights[name], self.facets.dimensions[name]
        told = {
            fact: bool(self.yes[name][fact][place]) if one.seen else one.usual
            for fact, one in sights.items()
        }
        unseen = [fact for fact, one in sights.items() if not one.seen]
        top = self.plan.spec.rubric.scale.grades[-1]
        truth = self.truth[name, item]
        return item_sight(
            convention.expert, convention.literal, truth, told, unseen=unseen, top=top
        )

    def _head(self, name: str, item: str) -> dict[str, Any]:
        return {
            "dimension": name,
            "item_id": item,
            "case_id": self.plan.data.item[item].case_id,
            "expert_score": self.plan.gold[item, name].score,
        }

    def bound_rows(
        self, sources: Sequence[str], embedder: Embedder, embedding: Backend
    ) -> Iterator[dict[str, Any]]:
        """Rows of `bound.parquet`, from these sources."""
        if not sources:
            return
        scale = self.plan.spec.rubric.scale
        for name, items in self.items.items():
            grades = np.array([self.plan.gold[item, name].score for item in items], dtype=float)
            folds = np.array([self.plan.fold[item] for item in items])
            blocks = dict(self._blocks(name, items, sources))
            if "embedding" in sources:
                blocks["embedding"] = self._embedded(name, items, embedder, embedding)
            found = bound.predictions(blocks, grades, folds, scale)
            for place, item in enumerate(items):
                for source, predicted in found.items():
                    row = {"source": source, "predicted": float(predicted[place])}
                    yield {**self._head(name, item), "fold": int(folds[place]), **row}

    def _blocks(
        self, name: str, items: Sequence[str], sources: Sequence[str]
    ) -> Iterator[tuple[str, bound.Block]]:
        kinds: dict[str, list[str]] = {"facts": [], "criteria": []}
        for kind, what, _ in self.asked.yes_no(name):
            kinds[kind].append(what)
        for source in sources:
            if names := [""] if source == "grades" else kinds.get(source):
                chances = [
                    [
                        chance
                        for what in names
                        for chance in self.answers[AnswerKey(name, item, source, what)].chances
                    ]
                    for item in items
                ]
                yield source, bound.scaled(log_odds(chances))

    def _embedded(
        self, name: str, items: Sequence[str], embedder: Embedder, embedding: Backend
    ) -> bound.Block:
        texts = [self.plan.shown[item, name].text for item in items]

        def block(train: NDArray[np.bool_]) -> NDArray[np.float64]:
            held = [text for text, mine in zip(texts, train, strict=True) if mine]
            return embedder.fit(held, embedding)(texts).astype(np.float64)

        return block

    def told_facts(self) -> dict[str, Any]:
        """Dimension -> fact -> its question, what counts of it, and what was found here."""
        return {
            name: {
                fact.name: {
                    "question": fact.question,
                    **asdict(self.sights[name][fact.name]),
                    "here": asdict(self.chosen_here[name][fact.name]),
                    "yes_here": int(self.yes[name][fact.name].sum()),
                }
                for fact in facts
            }
            for name, facts in self.asked.facts.items()
        }
