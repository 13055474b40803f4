"""Using the model: on which rows, prepared how, fitted again or not, and the answer given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import fill, new_rows_source, put

__all__ = ["Answer", "Use", "entry", "label", "rare"]

Answer = Callable[[Sketch, str, str], tuple[str, list[str]]]
"""(sketch, fitted model, rows) -> source of the answer, and the parts that show it."""


Suits = Callable[[Case], bool]


@dataclass(frozen=True)
class Use:
    """How a model is used.

    Attributes:
        answer: Writes the prediction and the answer.
        known: Source of the rows that are predicted instead of new ones ("" for new rows).
        change: Source that changes the new rows before the model sees them.
        before: Source between loading and predicting (saving, fitting again).
        model: What predicts.
        needs: Import lines.
    """

    answer: Answer
    known: str = ""
    change: str = ""
    before: str = ""
    model: str = "$model"
    needs: tuple[str, ...] = ()

    def __call__(self, sketch: Sketch) -> None:
        """Write the cells of the use stage."""
        sketch.need(*self.needs)
        case = sketch.case
        sketch.detail(entities=case.facts["entities"], file=case.new_file)
        if self.known:
            put(sketch, "use", self.known, "all")
        else:
            source = new_rows_source(sketch)
            source = f"{source}\n{self.change}" if self.change else source
            marks = [fill(sketch, source.split("\n")[0]), *([self.change] if self.change else [])]
            put(sketch, "use", source, marks)
            sketch.detail(n_new=len(case.new_data()))
        if self.before:
            put(sketch, "use", self.before, "all")
        rows = "rows" if self.known else "$new"
        source, marks = self.answer(sketch, self.model, rows)
        put(sketch, "use", source, marks)


def label(sketch: Sketch) -> str:
    """The column by which people know a row."""
    return str(sketch.case.id_column or sketch.case.time_index)


def _wants(case: Case) -> bool:
    return case.wants_predictions


def rare(case: Case) -> bool:
    """Whether predictions of a rare class are wanted."""
    return case.wants_predictions and case.imbalanced


def entry(name: str, use: Use, suits: Suits = _wants, **facets: Any) -> Realisation:
    """A realisation of model_use; the keywords are its facets."""
    return Realisation(name, "model_use", facets, use, suits)
