"""Cards of the items on which a judge and the expert disagree, with what the judge was shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.frames import private_texts, rows_of
from memalign_bench.report.numbers.readings import graded_rows
from memalign_bench.report.page.guidelines import CELL_KEY
from memalign_bench.scales import plain_number
from memalign_bench.types import Grade, Status

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.drawing.look import Look
    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = [
    "Answer",
    "Card",
    "Disagreements",
    "Neighbour",
    "RaterGrade",
    "ShownView",
    "disagreements",
]

MOST_ANSWERS = 1_500
"""Disagreeing answers that a report shows, the largest errors first."""

MOST_VIEW_CHARACTERS = 1_500_000
"""Length of all views of a report together; a report is to stay a few MB."""


@dataclass(frozen=True)
class Neighbour:
    """A labelled example that the judge was shown; `card` is set where its item has a card."""

    item_id: str
    similarity: float | None
    grade: Grade | None
    card: str | None


@dataclass(frozen=True)
class Answer:
    """What one judge said of an item, and what it had in context.

    Attributes:
        variant: The judge's variant.
        backend: Its backend.
        occasion: Fold, fold seed and repeat, in words.
        status: `scored`, `abstained` or `failed`.
        grade: The grade in the study's reading; None where there is none.
        error: Distance to the expert, the largest possible where there is no grade; None where
            the expert says that the dimension does not apply.
        shares: (grade, probability) of the scale; empty with verdicts.
        rationale: The judge's words.
        contradicting: The grade that they name, where it is another than the judge's own.
        failure: Why there is no answer.
        neighbours: Examples shown, nearest first.
        n_guidelines: Guidelines shown.
        cell: Anchor of the guidelines, where there are any.
        fewer: How many examples were left out, since the context did not hold them.
    """

    variant: str
    backend: str
    occasion: str
    status: str
    grade: Grade | None
    error: float | None
    shares: tuple[tuple[Grade, float], ...]
    rationale: str
    contradicting: Grade | None
    failure: str
    neighbours: tuple[Neighbour, ...]
    n_guidelines: int
    cell: str | None
    fewer: int


@dataclass(frozen=True)
class RaterGrade:
    """One rater's grade of the item; None where it does not apply."""

    rater: str
    grade: Grade | None
    rationale: str


@dataclass(frozen=True)
class ShownView:
    """A view as the judge saw it; `text` is None where it is private or left out for size."""

    name: str
    text: str | None
    tokens: int
    n_cells: int
    n_dropped: int
    n_shortened: int


@dataclass(frozen=True)
class Card:
    """One item on one dimension, with all judges that disagree with its expert."""

    anchor: str
    dimension: str
    title: str
    item_id: str
    case_id: str
    grade: Grade | None
    rationale: str
    raters: tuple[RaterGrade, ...]
    views: tuple[ShownView, ...]
    answers: tuple[Answer, ...]
    agreeing: tuple[str, ...]

    @property
    def error(self) -> float:
        """Largest error of its answers."""
        return max(answer.error or 0.0 for answer in self.answers)


@dataclass(frozen=True)
class Disagreements:
    """Cards by falling error; `n_answers` and `n_shown` count answers that disagree."""

    cards: tuple[Card, ...]
    n_answers: int
    n_shown: int
    views_left_out: int


def disagreements(
    frames: StudyFrames, look: Look, anchors: Mapping[tuple[Any, ...], str]
) -> Disagreements:
    """Cards of all items on which a judge disagrees with the expert, up to the caps.

    An answer disagrees if its grade is not the expert's, if there is none on an item that experts
    graded, if there is one where they say that the dimension does not apply, or if its own
    rationale names another grade.
    """
    rows = _rows_with_errors(frames, look)
    rows["wrong"] |= rows["contradicting"].notna()
    # Largest error first, and last what has none since the expert says N/A; the other columns only
    # make the order definite.
    wrong = rows[rows["wrong"]].sort_values(
        ["error", "dimension", "item_id", "backend", "variant", "fold_seed", "repeat"],
        ascending=[False, *[True] * 6],
        na_position="last",
        kind="stable",
    )
    # Both caps keep the page at a few MB: answers here, characters of views in the budget.
    shown = wrong.head(MOST_ANSWERS)
    # `error` is the text of a failure in the records; here it is a distance.
    stored = frames.predictions.loc[shown.index].rename(columns={"error": "error_text"})
    shown = stored.assign(grade=shown["grade"], error=shown["error"])
    # By largest error, which is the order of the cards.
    keys = list(dict.fromkeys(zip(shown["dimension"], shown["item_id"], strict=True)))
    places = {key: f"item-{number}" for number, key in enumerate(keys)}
    context = _Context(frames, look, places, anchors, _Budget(MOST_VIEW_CHARACTERS))
    agreeing = _agreeing_judges(_rows_of_items(rows[~rows["wrong"]], keys), look)
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows_of(shown):
        groups.setdefault((row["dimension"], row["item_id"]), []).append(row)
    cards = tuple(context.card(key, groups[key], agreeing.get(key, ())) for key in keys)
    return Disagreements(cards, len(wrong), len(shown), context.budget.refused)


def _rows_with_errors(frames: StudyFrames, look: Look) -> pd.DataFrame:
    """What names the predictions that were asked, with `grade`, `error` and `wrong`."""
    import pandas as pd

    reading = look.reading
    rows = frames.predictions
    names = ["dimension", "item_id", "backend", "variant", "fold_seed", "repeat", "contradicting"]
    graded = rows.loc[rows["expert_score"].notna(), names]
    # Whatever `stats.missing` says: a card shows a missing answer too, and with `worst` no row is
    # dropped, so that the arrays below are of these rows.
    numbers = graded_rows(rows, frames.scale, reading, "worst")
    graded = graded.assign(grade=numbers["grade"].to_numpy(), error=numbers["error"].to_numpy())
    graded["wrong"] = graded["error"] != 0
    # Where the expert says N/A there is no error: an answer other than N/A is wrong.
    other = rows[(rows["expert_score"].isna()) & (rows["status"] != Status.NOT_ASKED)]
    grade = other["judge_score_batch"] if reading == "batch" else other["judge_score_raw"]
    grade = grade.fillna(other["judge_score"]).astype("float64")
    other = other[names].assign(
        grade=grade, error=np.nan, wrong=other["status"] != Status.ABSTAINED
    )
    return pd.concat([graded, other]) if len(other) else graded


def _agreeing_judges(rows: pd.DataFrame, look: Look) -> dict[tuple[str, str], tuple[str, ...]]:
    judges: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows_of(rows[["dimension", "item_id", "variant", "backend"]].drop_duplicates()):
        # `gradesOf` in report.js reads these names: the variant alone, or before " (".
        name = f"{row['variant']} ({row['backend']})" if look.backends[1:] else row["variant"]
        judges.setdefault((row["dimension"], row["item_id"]), {})[name] = None
    return {key: tuple(names) for key, names in judges.items()}


def _rows_of_items(rows: pd.DataFrame, keys: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The rows of these items, each a dimension and an item id."""
    import pandas as pd

    # An empty list has no number of levels: the pair of empty names stands for it.
    is_wanted = pd.MultiIndex.from_frame(rows[["dimension", "item_id"]]).isin(keys or [("", "")])
    return rows[is_wanted]


class _Budget:
    """Hands out characters until they are used up; counts what it refused."""

    def __init__(self, characters: int) -> None:
        self.left = characters
        self.refused = 0

    def take(self, text: str) -> str | None:
        # Not the end: what is shorter may still fit.
        if len(text) > self.left:
            self.refused += 1
            return None
        self.left -= len(text)
        return text


class _Context:
    """What turns rows into cards: items by key, anchors, and whether texts may be shown."""

    def __init__(
        self,
        frames: StudyFrames,
        look: Look,
        places: Mapping[tuple[str, str], str],
        anchors: Mapping[tuple[Any, ...], str],
        budget: _Budget,
    ) -> None:
        self.look, self.places, self.anchors, self.budget = look, places, anchors, budget
        self.hidden = private_texts(frames)
        self.items: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for item in rows_of(_rows_of_items(frames.items, [*places])):
            self.items.setdefault((item["dimension"], item["item_id"]), []).append(item)
        # A neighbour is shown with its grade, whether or not it has a card.
        names = zip(frames.items["dimension"], frames.items["item_id"], strict=True)
        self.gold = dict(zip(names, frames.items["gold"], strict=True))
        # Cell -> item -> how many of its examples the context did not hold.
        self.left_out = {
            tuple(cell[name] for name in CELL_KEY): cell["examples_left_out"]
            for cell in frames.memory
            if "examples_left_out" in cell
        }
        self.view_names = {
            run_id: manifest.get("view_name") for run_id, manifest in frames.manifests.items()
        }

    def text(self, words: Any) -> str:
        return "" if self.hidden or not isinstance(words, str) else words

    def card(
        self, key: tuple[str, str], rows: Sequence[Mapping[str, Any]], agreeing: tuple[str, ...]
    ) -> Card:
        items, first = self.items.get(key, []), rows[0]
        # Gold and raters are the same in all views; empty for an item that items.parquet lacks.
        item = items[0] if items else {}
        names = {self.view_names.get(row["run_id"]) for row in rows}
        # Only views that these judges were shown; all of them where no run names its view.
        shown = [item_view for item_view in items if item_view["view_name"] in names] or items
        return Card(
            anchor=self.places[key],
            dimension=key[0],
            title=self.look.title(key[0]),
            item_id=key[1],
            case_id=str(first["case_id"]),
            grade=_grade(first["expert_score"]),
            rationale=self.text(item.get("gold_rationale")),
            raters=self._raters(item),
            views=tuple(self._view(item_view) for item_view in shown),
            answers=tuple(self._answer(row) for row in rows),
            agreeing=agreeing,
        )

    def _raters(self, item: Mapping[str, Any]) -> tuple[RaterGrade, ...]:
        columns = [item.get(name, ()) for name in ("raters", "rater_scores", "rater_rationales")]
        return tuple(
            RaterGrade(str(rater), grade, self.text(words))
            for rater, grade, words in zip(*columns, strict=True)
        )

    def _view(self, item: Mapping[str, Any]) -> ShownView:
        counts = [int(item[n]) for n in ("view_tokens", "n_cells", "n_dropped", "n_shortened")]
        text = None if self.hidden else self.budget.take(item["view"])
        return ShownView(item["view_name"], text, *counts)

    def _answer(self, row: Mapping[str, Any]) -> Answer:
        grade, error = row["grade"], row["error"]
        cell = tuple(row[name] for name in CELL_KEY)
        scored = row["status"] == Status.SCORED and not np.isnan(grade)
        shares = row["distribution"] if isinstance(row["distribution"], list) else []
        return Answer(
            variant=row["variant"],
            backend=row["backend"],
            occasion=f"fold {row['fold']}, fold seed {row['fold_seed']}, repeat {row['repeat']}",
            status=str(row["status"]),
            grade=_grade(grade) if scored else None,
            error=float(error) if not np.isnan(error) else None,
            shares=tuple(zip(self.look.grades, map(float, shares), strict=True)) if shares else (),
            rationale=self.text(row["rationale"]),
            contradicting=_grade(row["contradicting"]),
            failure=self.text(row["error_text"]),
            neighbours=tuple(self._neighbours(row)),
            n_guidelines=int(row["n_guidelines"]),
            cell=self.anchors.get(cell),
            fewer=self.left_out.get(cell, {}).get(row["item_id"], 0),
        )

    def _neighbours(self, row: Mapping[str, Any]) -> Iterable[Neighbour]:
        ids = row["neighbour_ids"] if isinstance(row["neighbour_ids"], list) else []
        similarities = row["neighbour_similarities"]
        if not isinstance(similarities, list) or len(similarities) != len(ids):
            similarities = [None] * len(ids)
        for item_id, similarity in zip(ids, similarities, strict=True):
            key = (row["dimension"], item_id)
            yield Neighbour(
                item_id,
                similarity,
                _grade(self.gold[key]) if key in self.gold else None,
                self.places.get(key),
            )


def _grade(value: Any) -> Grade | None:
    """A grade of a frame; None where it is missing."""
    import pandas as pd

    return None if pd.isna(value) else plain_number(float(value))
