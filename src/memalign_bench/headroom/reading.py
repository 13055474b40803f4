"""Reads a judge's answers: what it sees of each item, and what labels make of them."""

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
    """What answers show: how well facts are seen, and what labels make of all answers.

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
            # Facts are asked of all graded items, but only those with planted facets have a truth.
            name: [item for item in self.items[name] if (name, item) in self.truth]
            for name in self.asked.facts
        }
        # Thresholds of these items, also where others are used: both are reported.
        self.chosen_here = {
            name: {fact.name: sight_of(*self._chances_and_truth(name, fact)) for fact in facts}
            for name, facts in self.asked.facts.items()
        }
        # Before `yes`, which may take back that a fact is seen.
        self.sights = {name: self._chosen_sights(name) for name in self.asked.facts}
        self.yes = {name: self._yes_by_item(name) for name in self.asked.facts}

    def _chances_and_truth(
        self, name: str, fact: Fact
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The chances of yes, and whether the fact holds, by item."""
        items = self.planted[name]
        chances = [
            self.answers[AnswerKey(name, item, "facts", fact.name)].chances for item in items
        ]
        truth = [self.truth[name, item][fact.name] for item in items]
        # Answers to facts have one chance, that of yes.
        return np.array(chances)[:, 0], np.array(truth, dtype=bool)

    def _chosen_sights(self, name: str) -> dict[str, Sight]:
        """The sight of each fact that counts: found on another corpus if given, else here."""
        chosen_elsewhere = self.thresholds
        if chosen_elsewhere is None:
            # A copy: `_yes_by_item` may change what counts.
            return dict(self.chosen_here[name])
        note = "no threshold: it holds of all or of no item of the corpus that chose them"
        return {
            fact: chosen_elsewhere.get(name, {}).get(fact)
            or Sight(0.5, False, here.usual, here.n_items, here.n_true, None, None, note)
            for fact, here in self.chosen_here[name].items()
        }

    def _yes_by_item(self, name: str) -> dict[str, NDArray[np.bool_]]:
        """Fact -> yes or no by item; with thresholds of these items, by those of other folds."""
        folds = [self.plan.fold[item] for item in self.planted[name]]
        yes = {}
        for fact in self.asked.facts[name]:
            chances, truth = self._chances_and_truth(name, fact)
            sight = self.sights[name][fact.name]
            # Chosen here: each fold by the others, or the threshold would have seen its own items.
            if self.thresholds is None:
                yes[fact.name] = answers_in_folds(chances, truth, folds)
                continue
            # A frozen threshold has seen none of these items, so no folds are needed.
            yes[fact.name] = chances > sight.threshold
            # A threshold from elsewhere that separates nothing here shows no sight.
            if sight.seen and len(set(yes[fact.name].tolist())) == 1:
                answer = "yes" if yes[fact.name][0] else "no"
                note = f"answers {answer} to all at the threshold chosen elsewhere"
                self.sights[name][fact.name] = replace(sight, seen=False, note=note)
        return yes

    def answer_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of `answers.parquet`, sorted; a grade's chances a row each."""
        places = {
            name: {item: index for index, item in enumerate(self.planted[name])}
            for name in self.yes
        }
        for key in sorted(self.answers):
            name, item, kind, question_name = key
            answer, row = self.answers[key], key._asdict()
            row["prompt_tokens"] = answer.prompt_tokens
            # A distribution: one row for each grade.
            if kind == "grades":
                for grade, chance in zip(
                    self.plan.spec.rubric.scale.grades, answer.chances, strict=True
                ):
                    yield {**row, "name": str(grade), "chance": chance}
                continue
            row["chance"] = answer.chances[0]
            # Criteria have no truth, and facts only where they were planted.
            if kind == "facts" and item in places[name]:
                sight = self.sights[name][question_name]
                row |= {
                    "truth": self.truth[name, item][question_name],
                    "threshold": sight.threshold,
                    "answer": bool(self.yes[name][question_name][places[name][item]]),
                    "seen": sight.seen,
                }
            yield row

    def sight_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of `sight.parquet`."""
        for name in self.yes:
            for place, item in enumerate(self.planted[name]):
                seen = self._item_sight(name, item, place)
                yield {**self._item_columns(name, item), **asdict(seen)}

    def _item_sight(self, name: str, item: str, place: int) -> ItemSight:
        """What a judge sees of one item; facts it does not see count as they usually are."""
        sights, convention = self.sights[name], self.facets.dimensions[name]
        facts = {
            fact: bool(self.yes[name][fact][place]) if sight.seen else sight.usual
            for fact, sight in sights.items()
        }
        unseen = [fact for fact, sight in sights.items() if not sight.seen]
        top = self.plan.spec.rubric.scale.grades[-1]
        truth = self.truth[name, item]
        return item_sight(
            convention.expert, convention.literal, truth, facts, unseen=unseen, top=top
        )

    def _item_columns(self, name: str, item: str) -> dict[str, Any]:
        """The columns that name an item in the records."""
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
                blocks["embedding"] = self._embedding_block(name, items, embedder, embedding)
            predicted_by_source = bound.predictions(blocks, grades, folds, scale)
            for place, item in enumerate(items):
                for source, predicted in predicted_by_source.items():
                    row = {"source": source, "predicted": float(predicted[place])}
                    yield {**self._item_columns(name, item), "fold": int(folds[place]), **row}

    def _blocks(
        self, name: str, items: Sequence[str], sources: Sequence[str]
    ) -> Iterator[tuple[str, bound.Block]]:
        """The features of each source but the embedding: log-odds of its answers."""
        kinds: dict[str, list[str]] = {"facts": [], "criteria": []}
        for kind, question_name, _ in self.asked.yes_no(name):
            kinds[kind].append(question_name)
        for source in sources:
            # The grade is one question without a name; its chances give a column each.
            if names := [""] if source == "grades" else kinds.get(source):
                chances = [
                    [
                        chance
                        for question_name in names
                        for chance in self.answers[
                            AnswerKey(name, item, source, question_name)
                        ].chances
                    ]
                    for item in items
                ]
                # Log-odds tell 0.99 from 0.999, which as chances are nearly alike.
                yield source, bound.scaled(log_odds(chances))

    def _embedding_block(
        self, name: str, items: Sequence[str], embedder: Embedder, embedding: Backend
    ) -> bound.Block:
        """Embeddings of the views, by an embedder fitted to the training items."""
        texts = [self.plan.shown[item, name].text for item in items]

        def block(train: NDArray[np.bool_]) -> NDArray[np.float64]:
            training_texts = [
                text for text, is_training in zip(texts, train, strict=True) if is_training
            ]
            return embedder.fit(training_texts, embedding)(texts).astype(np.float64)

        return block

    def facts_entry(self) -> dict[str, Any]:
        """The manifest's `facts`: each fact's question, what counts of it, what was found here."""
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
