"""A notebook in the making: its cells by stage, and which lines show what.

A **case** is what a user asked for, and its data. A **realisation** is one concrete way of writing
code that shows some facets of one dimension. A **sketch** collects the cells of one notebook from
nine realisations, by stage, and remembers which lines show what (the evidence).

Conventions between stages (sources are templates: `$df` becomes this author's name for the frame,
see `Names`; everything else stays as it is, braces and single dollars included):

- after `load`, `$df` is the raw frame, read with pandas from the file of the case;
- after `clean`, `$df` may have been imputed or rows dropped;
- after `features`, columns may have been added to `$df`; `sketch.state["numeric"]` and
  `sketch.state["nominal"]` list the input columns (never target, time index or identifier, unless
  a realisation plants that), and the notebook has the list `$features` = numeric + nominal
  (written by the feature_engineering realisation);
- after `split` (written by the model_training realisation): `$X_train, $X_test, $y_train, $y_test`,
  the X with columns `$features`;
- after `prepare` (written by feature_engineering): the notebook's variable `prep` is an unfitted
  scikit-learn transformer, or the string "passthrough". Its numeric branch begins with
  `sketch.state["impute_step"]` where data_imputation chose an imputation inside the pipeline;
- after `train`: `$model` is fitted and predicts on rows like `$X_test`;
- `evaluate` uses `$model, $X_test, $y_test`; `use` reads `case.new_file` and predicts; `log` logs.

Realisations write in the order `realisations.WRITING_ORDER`, so that later ones can read
`sketch.state`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from genie_synth.sketch.case import Case
from genie_synth.sketch.cells import STAGES, AuthorStyle, DraftCell, Names
from memalign_bench.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Sketch"]

_TOKEN = re.compile(
    r"\$(" + "|".join(sorted((f.name for f in fields(Names)), key=len)[::-1]) + r")\b"
)
_PLAIN_STRING = re.compile(r'"([^"\'\\\n]*)"')


class Sketch:
    """Collects the cells of one notebook by stage.

    Attributes:
        case: What was asked for.
        names: This author's variable names.
        style: This author's way of writing.
        state: What stages tell one another; keys in the module's docstring. Also
            `family` ("tree", "linear" or "distance"): the kind of estimator to train,
            `imputed` (bool): no missing values are left in the inputs after `clean`,
            `imports` (list of str): see `need`.
        cells: The cells written so far.
        facts: dimension -> facets found while writing (they complete those of the realisation).
        details: dimension -> words and numbers for rationales (`column`, `n_rows`, `share`, ...).
    """

    def __init__(self, case: Case, names: Names, style: AuthorStyle, *, item_id: str) -> None:
        self.case = case
        self.names = names
        self.style = style
        self.item_id = item_id
        self.dimension = ""
        self.rng = generator(case.corpus, "sketch", item_id)
        self.cells: list[DraftCell] = []
        self.imports: list[str] = []
        self.facts: dict[str, dict[str, Any]] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {
            "numeric": list(case.numeric),
            "nominal": list(case.nominal),
            "imputed": False,
            "family": "tree",
        }

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The raw data of the case (do not change it): for findings that must be true."""
        return self.case.data()

    def begin(self, dimension: str) -> None:
        """From now on evidence, facts and random draws belong to `dimension`."""
        self.dimension = dimension
        self.rng = generator(self.case.corpus, "sketch", self.item_id, dimension)
        self.facts.setdefault(dimension, {})
        self.details.setdefault(dimension, {})

    def named(self, text: str) -> str:
        """Put this author's names for `$df`, `$X_train` and so on."""
        return _TOKEN.sub(lambda match: str(getattr(self.names, match.group(1))), text)

    def need(self, *lines: str) -> None:
        """Ask for import lines ("import pandas as pd"); where they go is decided later."""
        for line in lines:
            if line not in self.imports:
                self.imports.append(line)

    def code(
        self, stage: str, source: str, evidence: Sequence[str] | str = (), *, role: str = ""
    ) -> DraftCell:
        """Add a code cell.

        Args:
            stage: One of `STAGES`.
            source: Template of the source (`$df`, ...); leading and trailing blank lines are cut.
            evidence: Parts of `source` that show the current dimension's facets, verbatim (as
                templates too). A part may span lines; empty parts are left out.
            role: What kind of cell it is where that matters ("install", "imports", "leftover").

        Raises:
            ValueError: If the stage is unknown, the source does not parse, or a part is not in it.
        """
        parts = [p for p in ([evidence] if isinstance(evidence, str) else evidence) if p]
        text, parts = self._styled(self.named(source).strip("\n"), [self.named(p) for p in parts])
        return self._add(DraftCell("code", stage, text, [(self.dimension, p) for p in parts], role))

    def text(
        self, stage: str, markdown: str, evidence: Sequence[str] | str = (), *, role: str = ""
    ) -> DraftCell:
        """Add a markdown cell; arguments as those of `code`."""
        parts = [p for p in ([evidence] if isinstance(evidence, str) else evidence) if p]
        pairs = [(self.dimension, self.named(part)) for part in parts]
        return self._add(
            DraftCell("markdown", stage, self.named(markdown).strip("\n"), pairs, role)
        )

    def show(self, cell: DraftCell, snippet: str) -> None:
        """Mark a part of an existing cell as evidence of the current dimension."""
        part = self.named(snippet)
        if part not in cell.source and self.style.quote == "'":
            part = _PLAIN_STRING.sub(r"'\1'", part)
        self._check(cell.source, part)
        cell.evidence.append((self.dimension, part))

    def fact(self, **facets: Any) -> None:
        """Record facets of the current dimension that are known only now (a dropped share)."""
        self.facts[self.dimension].update(facets)

    def detail(self, **details: Any) -> None:
        """Record words and numbers that a rater of the current dimension could name."""
        self.details[self.dimension].update(details)

    def ordered(self) -> list[DraftCell]:
        """The cells by stage, in the order of writing within a stage."""
        return sorted(self.cells, key=lambda cell: STAGES.index(cell.stage))

    def _add(self, cell: DraftCell) -> DraftCell:
        if cell.stage not in STAGES:
            raise ValueError(f"unknown stage {cell.stage!r}; the stages are {', '.join(STAGES)}.")
        for _, part in cell.evidence:
            self._check(cell.source, part)
        self.cells.append(cell)
        return cell

    def _check(self, source: str, part: str) -> None:
        if not part or part not in source:
            raise ValueError(
                f"{self.item_id}, {self.dimension}: evidence {part!r} is not in the cell"
                f" {source!r}."
            )

    def _styled(self, source: str, parts: list[str]) -> tuple[str, list[str]]:
        """The source in this author's way of writing, and its parts likewise."""
        if re.search(r"^[%!]", source, re.M):
            return source, parts
        try:
            tree = ast.dump(ast.parse(source))
        except SyntaxError as error:
            raise ValueError(f"{self.item_id}, {self.dimension}: {error} in {source!r}") from error
        if not self.style.comments:
            shown = "\n".join(parts)
            lines = [
                line
                for line in source.split("\n")
                if not line.lstrip().startswith("#") or line.strip() in shown
            ]
            source = "\n".join(lines) if any(line.strip() for line in lines) else source
        if self.style.quote == "'":
            other = _PLAIN_STRING.sub(r"'\1'", source)
            others = [_PLAIN_STRING.sub(r"'\1'", part) for part in parts]
            if _same(other, tree) and all(part in other for part in others):
                return other, others
        return source, parts


def _same(source: str, tree: str) -> bool:
    try:
        return ast.dump(ast.parse(source)) == tree
    except SyntaxError:
        return False
