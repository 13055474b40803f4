"""What judges said of items, from a study's predictions or from the scores of a generated run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.errors import DataError, RequestError
from memalign_bench.loop.labelling.choosing import Opinion
from memalign_bench.loop.records import load_generated
from memalign_bench.loop.scoring.records import load_scored
from memalign_bench.shipping.loading import new_item
from memalign_bench.types import Item, Rubric

__all__ = ["GeneratedSource", "Opinions", "opinions_of_rows", "opinions_of_run"]

Opinions = Mapping[str, Mapping[str, Mapping[str, Opinion]]]
"""Dimension -> item id -> judge -> what it says, the mean over repeats and fold seeds."""


def opinions_of_rows(rows: Iterable[Mapping[str, Any]]) -> Opinions:
    """Opinions from rows with `dimension`, `item_id`, `judge`, `expected` and `distribution`.

    A row without an expected grade (an abstention, a failure) says nothing.
    """
    rows_of: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        # Scores have None where there is no grade, frames of predictions NaN.
        if row["expected"] is not None and not np.isnan(row["expected"]):
            rows_of.setdefault((row["dimension"], row["item_id"], row["judge"]), []).append(row)
    opinions: dict[str, dict[str, dict[str, Opinion]]] = {}
    for (dimension, item_id, judge), judge_rows in rows_of.items():
        # Some of a judge's answers may have no distribution: the mean is over those that have.
        distributions = [
            row["distribution"] for row in judge_rows if row["distribution"] is not None
        ]
        mean = tuple(map(float, np.mean(distributions, axis=0))) if distributions else None
        opinion = Opinion(float(np.mean([row["expected"] for row in judge_rows])), mean)
        opinions.setdefault(dimension, {}).setdefault(item_id, {})[judge] = opinion
    return opinions


def opinions_of_run(path: Path) -> Opinions:
    """Opinions of every judge that has scored a generated run.

    Raises:
        RequestError: If none has.
    """
    digests = sorted(file.parent.name for file in path.glob("scores/*/manifest.json"))
    if not digests:
        raise RequestError(
            f"no judge has scored {path}; memalign-bench score run={path.name} judge=FOLDER, with"
            " two judges or more for select=disagreement."
        )
    rows = []
    for digest in digests:
        scored = load_scored(path, digest)
        for row in scored.scores.to_dict("records"):
            distribution = row["distribution"]
            # pandas.NA, where the judge gave no grade, is no number.
            score = row["score"] if isinstance(row["score"], int | float) else None
            expected = score if distribution is None else float(np.dot(distribution, scored.grades))
            item_id = _item_id(row["case_id"], row["repeat"])
            rows.append(
                {
                    "dimension": row["dimension"],
                    "item_id": item_id,
                    "judge": digest,
                    "expected": expected,
                    "distribution": distribution,
                }
            )
    return opinions_of_rows(rows)


def _item_id(case_id: Any, repeat: Any) -> str:
    return f"{case_id}-{repeat}"


@dataclass(frozen=True)
class GeneratedSource:
    """The notebooks of a generated run as items without labels, each named CASE-REPEAT.

    Attributes:
        name: Name of the YAML choice.
        path: The run's folder.
        notice: What every reader of its numbers must know.
    """

    name: str
    path: str
    notice: str = ""

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read the notebooks that the agent left.

        Raises:
            RequestError: If the folder is no finished run of generate.
            DataError: If it holds no notebook.
        """
        folder = Path(self.path).expanduser()
        manifest, notebooks = load_generated(folder)
        cases = {case["case_id"]: case for case in manifest["cases"]}
        items: list[Item] = []
        told: list[str] = []
        # A row without a path has no notebook.
        for row in notebooks[notebooks["path"] != ""].to_dict("records"):
            case = cases[row["case_id"]]
            try:
                item = new_item(folder / row["path"], case["prompt"], case["context"])
            except DataError as error:  # score records it as unreadable, and goes on too
                told += [f"left out: {problem}" for problem in error.problems]
                continue
            item_id = _item_id(row["case_id"], row["repeat"])
            items.append(replace(item, item_id=item_id, case_id=str(row["case_id"])))
        if not items:
            nothing = "it holds no notebook that can be read; there is nothing to label."
            raise DataError(str(folder), [*told, nothing])
        return LabelledDataset.of(self.name, items, [], notice=self.notice, told=tuple(told))
