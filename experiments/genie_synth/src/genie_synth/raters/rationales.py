"""One sentence or two for every label: what was seen, where, and what follows; no text twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from genie_synth.compose import Draft, Exhibit
from genie_synth.policy import NOT_APPLICABLE
from genie_synth.raters.phrases import LENIENT, PHRASES, STRICT
from memalign_bench.seeding import generator

__all__ = ["Writer", "slots"]

LONGEST_CODE = 64
JOINS = ("{what}; {so}.", "{what}. {So}.", "{So}: {what}.")
TELLING: Mapping[str, str] = {
    "default_model": r"\.fit\(",
    "few_rows_dropped": r"dropna|notna",
    "fully_logged": r"log_model",
    "leftovers": r"^(?!## )",
    "many_rows_dropped": r"dropna|notna",
    "metric_only": r"log_metric",
    "metrics_and_comparison": r"score|error|mae|rmse",
    "metrics_on_train": r"train|fit|learn|dev",
    "misnamed_metric": r"log_metric",
    "no_baseline": r"Search|for .* in|fit\(",
    "no_comparison": r"score|error|mae|rmse|report",
    "no_model_logged": r"log_metric",
    "no_signature": r"log_model",
    "not_stratified": r"split|Fold",
    "nothing_logged": r"score|error|print",
    "pipeline_reused": r"predict|read_csv",
    "predicts_on_train": r"predict",
    "preprocessing_redone": r"fit|fillna|map|encod|scal|dummies|mean|median",
    "random_split_on_series": r"split",
    "raw_answer": r"predict",
    "rows_dropped": r"dropna|notna",
    "run_left_open": r"start_run",
    "scored_on_train": r"score|error|predict",
    "search_and_baseline": r"Search|Dummy|for .* in",
    "shuffled_folds_on_series": r"Fold|shuffle|cv",
    "silent_refit": r"\.fit\(",
    "single_metric": r"score|error",
    "threshold_unsaid": r"predict",
    "tuned_on_test": r"score|error|max|min|best|predict",
}
"""Reason -> pattern of the line that shows it best; where none matches, no line is quoted."""

_OWN_SLOTS = ("share", "metrics", "rows", "n_cells")
"""Filled from the facets and the case, whatever a realisation noted."""

WORDS = {1: "bad", 2: "average", 3: "good"}


class Writer:
    """Writes rationales and remembers those given, so that none repeats."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.given: set[str] = set()

    def write(self, draft: Draft, dimension: str, rater: str, score: int) -> str:
        """Why `rater` gave `score`, from the planted evidence.

        Raises:
            ValueError: If every wording for this evidence has been given to someone already.
        """
        for text in self._wordings(draft, dimension, rater, score):
            if text not in self.given:
                self.given.add(text)
                return text
        reason = draft.rulings[dimension].reason
        raise ValueError(
            f"{draft.item_id}, {dimension}: no wording left for {reason!r}; add one to phrases."
        )

    def _wordings(self, draft: Draft, dimension: str, rater: str, score: int) -> Iterator[str]:
        ruling = draft.rulings[dimension]
        seen, follows = PHRASES[dimension][ruling.reason]
        known = slots(draft, dimension)
        note = _note(score, ruling.score)
        rng = generator(self.seed, "rationale", draft.item_id, dimension, rater)
        options = list(product(seen, follows, JOINS, note))
        for index in rng.permutation(len(options)):
            what, so, join, extra = options[int(index)]
            if "{code}" in what and not known["code"]:
                continue
            what, so = what.format_map(known), so.format_map(known)
            if join.startswith("{So}") and (":" in what or not score):
                continue
            text = _upper(join.format(what=what, so=so, So=_upper(so)))
            words = {**known, "score": WORDS.get(score, "")}
            yield f"{text} {extra.format_map(words)}".strip()


def _note(score: int, ruled: int) -> tuple[str, ...]:
    if score == ruled or NOT_APPLICABLE in (score, ruled):
        return ("",)
    return LENIENT if score > ruled else STRICT


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def slots(draft: Draft, dimension: str) -> dict[str, str]:
    """Words for the slots of `phrases`: what realisations noted, else what the case says."""
    case, evidence = draft.case, draft.evidence[dimension]
    details: Mapping[str, Any] = draft.details.get(dimension, {})
    facets = draft.facets[dimension]
    cells = [found.cell for found in evidence]
    first, code = _telling(evidence, draft.rulings[dimension].reason)
    share = float(facets.get("dropped_share", 0.0)) or float(details.get("share", 0.0))
    usual = {
        "target": f"`{case.target}`",
        "file": case.file,
        "new_file": case.new_file or "the new rows",
        "rows": str(draft.n_rows),
        "domain": case.domain.replace("_", " "),
        "entity": str(case.facts.get("entity", "record")),
        "entities": str(case.facts.get("entities", "records")),
        "column": next(iter(case.missing), next(iter(case.nominal), case.numeric[0])),
        "number": str(draft.n_rows),
        "share": f"{100 * share:.1f} %",
        "where": f"cell {first + 1}",
        "last": f"cell {(cells[-1] if cells else 0) + 1}",
        "code": code,
        "metrics": _listed(facets.get("metrics", ())) or "the figures",
        "metric": "score",
        "n_cells": str(len(draft.cells)),
        "count": str(draft.count_of(first)),
        **dict.fromkeys(("package", "packages", "other", "name", "run", "what"), "this"),
        "n_lines": str(max(len(cell.source.split("\n")) for cell in draft.cells)),
    }
    noted = {key: str(value) for key, value in details.items() if key not in _OWN_SLOTS}
    if "metric" in noted:
        noted["metric"] = noted["metric"].replace("_", " ")
    return {**usual, **noted}


def _listed(names: Any) -> str:
    words = [str(name).replace("_", " ") for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _telling(evidence: Sequence[Exhibit], reason: str) -> tuple[int, str]:
    """The cell that shows the reason best, and a line of it short enough to be quoted ("" if none).

    Without a matching line it is the first cell of the evidence.
    """
    pattern = TELLING.get(reason, "")
    matching = [
        (found.cell, line.strip())
        for found in evidence
        for line in found.snippet.split("\n")
        if re.search(pattern, line.strip())
    ]
    short = [pair for pair in matching if 6 <= len(pair[1]) <= LONGEST_CODE and "`" not in pair[1]]
    quotable = [pair for pair in short if not pair[1].endswith(("(", "[", "{", ",", ":"))]
    if quotable:
        return quotable[0]
    return (matching[0][0] if matching else evidence[0].cell if evidence else 0), ""
