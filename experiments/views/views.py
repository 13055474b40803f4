"""What can be seen in a view at all: its length, the planted evidence, and how facets tell apart.

No model is asked. `python experiments/views/views.py` writes `tables.md` beside this file; it needs
the generator of the bundled notebooks (`pip install ./experiments/genie_synth`), whose facets name
what was planted. Everything but the lengths is measured on the development corpus.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from genie_synth.facets import FACETS, complete
from memalign_bench.config import composed, instance
from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.errors import BackendError
from memalign_bench.memory.embedders import Embedder, TfidfEmbedder
from memalign_bench.memory.minilm import MiniLMEmbedder
from memalign_bench.notebooks.views import ViewSettings, facts_text, render_view, whole_text
from memalign_bench.types import Item, Rubric

SEEN = ("model_training", "model_use", "data_imputation")
"""Dimensions whose facets are told apart."""

VIEWS = {
    "compact": ("view=compact",),
    "facts": ("view=facts",),
    "generous": ("view=generous",),
    "facts, 2,000": ("view=facts", "view.max_tokens=2000"),
}
REPEATS = 5
FEWEST = 3
"""A value of a facet that fewer items have is left out: no fold could learn it."""

NEIGHBOURS = 4


class Planted(NamedTuple):
    """What was planted in one item for one dimension."""

    item: Item
    facets: Mapping[str, str]
    cells: tuple[int, ...]


def main() -> None:
    """Measure and write."""
    rubric = instance(composed("corpus").cfg, "rubric")
    views = {name: instance(composed("corpus", words).cfg, "view") for name, words in VIEWS.items()}
    development = FolderSource("corpus", None, 1).load(rubric)
    reported = FolderSource("corpus", None, 0).load(rubric)
    planted = {name: list(_planted(development, name)) for name in rubric.dimensions}
    with threadpool_limits(1):
        parts = [
            "# Views of the bundled notebooks\n\nWritten by `views.py`. The notebooks are"
            " synthetic, and so is everything here.",
            _table("Estimated tokens of a view, mean (most), reported corpus (`seed=0`)",
                   ["dimension", *views], _lengths(reported, rubric, views)),
            _table("Estimated tokens of a view, mean (most), development corpus (`seed=1`)",
                   ["dimension", *views], _lengths(development, rubric, views)),
            _table("Share of the cells with planted evidence of which a view shows something",
                   ["dimension", "cells", *views], _evidence(planted, rubric, views)),
            _table("Balanced accuracy of telling a facet's values apart by the words of a view",
                   ["dimension", "facet", "values", "chance", *views],
                   _separation(planted, rubric, views)),
            _table(f"Share of facets that an item has in common with its {NEIGHBOURS} nearest",
                   ["dimension", "embedder", "any other", "view", "facts", "item", "case"],
                   _likeness(planted, rubric, views)),
        ]  # fmt: skip
    out = Path(__file__).with_name("tables.md")
    out.write_text("\n\n".join(parts) + "\n", encoding="utf-8", newline="\n")


def _planted(data: LabelledDataset, dimension: str) -> Iterator[Planted]:
    path = bundled_path(1) / "evidence.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry["dimension"] == dimension and entry["score"]:
            facets = complete(dimension, entry["facets"])
            cells = {int(place["cell"]) for place in entry["evidence"]}
            yield Planted(
                data.item[entry["item_id"]],
                {key: str(value) for key, value in facets.items()},
                tuple(sorted(cells)),
            )


def _shown(item: Item, rubric: Rubric, dimension: str, settings: ViewSettings) -> str:
    rule = rubric.dimensions[dimension].view
    return render_view(item, rule, settings, dimension=dimension).text


def _lengths(
    data: LabelledDataset, rubric: Rubric, views: Mapping[str, ViewSettings]
) -> Iterator[list[str]]:
    for name, dimension in rubric.dimensions.items():
        row = [name]
        for settings in views.values():
            tokens = [
                render_view(item, dimension.view, settings, dimension=name).tokens
                for item in data.item.values()
            ]
            row.append(f"{np.mean(tokens):,.0f} ({max(tokens):,})")
        yield row


def _evidence(
    planted: Mapping[str, Sequence[Planted]], rubric: Rubric, views: Mapping[str, ViewSettings]
) -> Iterator[list[str]]:
    """Both kinds of view head a cell by its number, but for outlines, which hold every cell."""
    for name in rubric.dimensions:
        if rubric.dimensions[name].view.mode == "outline":
            continue
        places = [(entry, cell) for entry in planted[name] for cell in entry.cells]
        row = [name, str(len(places))]
        for settings in views.values():
            texts = {
                entry.item.item_id: _shown(entry.item, rubric, name, settings)
                for entry in planted[name]
            }
            hits = [f"\n[{cell + 1}] " in texts[entry.item.item_id] for entry, cell in places]
            row.append(f"{np.mean(hits):.2f}")
        yield row


def _separation(
    planted: Mapping[str, Sequence[Planted]], rubric: Rubric, views: Mapping[str, ViewSettings]
) -> Iterator[list[str]]:
    for name in SEEN:
        for facet in FACETS[name]:
            said = [entry.facets[facet] for entry in planted[name]]
            values = sorted({value for value in said if said.count(value) >= FEWEST})
            if len(values) < 2:
                continue
            kept = [entry for entry in planted[name] if entry.facets[facet] in values]
            truth = np.array([entry.facets[facet] for entry in kept])
            cases = [entry.item.case_id for entry in kept]
            counts = ", ".join(f"{value} {said.count(value)}" for value in values)
            row = [name, facet, counts, f"{1 / len(values):.2f}"]
            for settings in views.values():
                texts = [_body(_shown(entry.item, rubric, name, settings)) for entry in kept]
                row.append(f"{_accuracy(texts, truth, cases):.2f}")
            yield row


def _body(text: str) -> str:
    """The view without request and data line, which are the case's and not the notebook's."""
    return "\n".join(
        line for line in text.split("\n") if not line.startswith(("Request: ", "Data: "))
    )


def _accuracy(texts: Sequence[str], truth: NDArray[np.str_], cases: Sequence[str]) -> float:
    """Mean over repeats of four folds that keep cases whole; logistic regression on TF-IDF."""
    reached = []
    for seed in range(REPEATS):
        told = truth.copy()
        splitter = GroupKFold(4, shuffle=True, random_state=seed)
        for train, test in splitter.split(truth, groups=cases):
            told[test] = _told(texts, truth, train, test)
        reached.append(balanced_accuracy_score(truth, told))
    return float(np.mean(reached))


def _told(
    texts: Sequence[str], truth: NDArray[np.str_], train: NDArray[Any], test: NDArray[Any]
) -> Any:
    if len(set(truth[train])) < 2:
        return truth[train][0]
    terms = TfidfVectorizer(
        token_pattern=r"[^\W\d]\w+|==|<=|>=|[^\s\w]", ngram_range=(1, 2), sublinear_tf=True
    )
    seen = terms.fit_transform([texts[place] for place in train])
    model = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced")
    model.fit(seen, truth[train])
    return model.predict(terms.transform([texts[place] for place in test]))


def _likeness(
    planted: Mapping[str, Sequence[Planted]], rubric: Rubric, views: Mapping[str, ViewSettings]
) -> Iterator[list[str]]:
    """Nearness against likeness; the view is the compact one, items of a case are no neighbours."""
    embedders: dict[str, Embedder] = {"tfidf": TfidfEmbedder(), "minilm": MiniLMEmbedder()}
    for name in SEEN:
        entries = planted[name]
        rule = rubric.dimensions[name].view
        texts = {
            "view": [_shown(entry.item, rubric, name, views["compact"]) for entry in entries],
            "facts": [facts_text(entry.item, rule, views["facts"], name) for entry in entries],
            "item": [whole_text(entry.item) for entry in entries],
            "case": [entry.item.prompt for entry in entries],
        }
        alike = _common_facets(entries)
        cases = np.array([entry.item.case_id for entry in entries])
        other = cases[:, None] != cases[None, :]
        for embedder, maker in embedders.items():
            row = [name, embedder, f"{alike[other].mean():.2f}"]
            for some in texts.values():
                row.append(_nearest_alike(maker, some, alike, other))
            yield row


def _nearest_alike(
    embedder: Embedder, texts: Sequence[str], alike: NDArray[Any], other: NDArray[Any]
) -> str:
    try:
        vectors = embedder.fit(texts, None)(texts)  # type: ignore[arg-type]  # neither asks a model
    except BackendError:  # its packages are not installed
        return "n/a"
    near = np.where(other, np.round(vectors @ vectors.T, 6), -2.0)
    order = np.argsort(-near, axis=1, kind="stable")[:, :NEIGHBOURS]
    return f"{np.take_along_axis(alike, order, axis=1).mean():.2f}"


def _common_facets(entries: Sequence[Planted]) -> NDArray[np.float64]:
    """Share of the facets that differ at all in which two items have the same value."""
    keys = [key for key in entries[0].facets if len({entry.facets[key] for entry in entries}) > 1]
    held = np.array([[entry.facets[key] for key in keys] for entry in entries])
    return (held[:, None, :] == held[None, :, :]).mean(axis=2)


def _table(title: str, head: Sequence[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
