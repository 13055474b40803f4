"""An aligned judge as plain values, and back: what stands in the JSON of `export_judge`.

Nothing here names code: embedders and ways of scoring go by the names of their YAML choices, so a
file from somewhere else can bring in text and numbers and nothing that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np

from memalign_bench.alignment.dual import DualMemory
from memalign_bench.alignment.unaligned import NoAlignment
from memalign_bench.backends.base import Backend
from memalign_bench.errors import AlignmentError, RequestError
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.relative import RelativeJudge
from memalign_bench.judging.scoring import LogprobScoring, Scoring, VerdictScoring
from memalign_bench.memory.embedders import BackendEmbedder, Embedder, TfidfEmbedder
from memalign_bench.memory.episodic import EpisodicMemory, RandomMemory, query_text
from memalign_bench.memory.indexes import index_of
from memalign_bench.memory.minilm import MiniLMEmbedder
from memalign_bench.scales import plain_number
from memalign_bench.types import (
    NOT_APPLICABLE,
    DimensionRubric,
    Guideline,
    Rubric,
    Scale,
    ViewRule,
)

__all__ = ["Shippable", "check_shippable", "judge_from", "judge_value"]

_SCORINGS: Mapping[str, Any] = {"verdict": VerdictScoring, "logprob": LogprobScoring}

_EMBEDDERS: Mapping[str, Any] = {
    "tfidf": TfidfEmbedder,
    "backend": BackendEmbedder,
    "minilm": MiniLMEmbedder,
}


class Shippable(NamedTuple):
    """A judge, and its habit where that was measured.

    Attributes:
        judge: The aligned judge.
        relative: The same, read relative to its habit; None where it gives no distributions.
        embedder: What its episodic memory was embedded with; None without one.
    """

    judge: Judge
    relative: RelativeJudge | None
    embedder: Embedder | None


def check_shippable(alignment: Any, scoring: Scoring) -> Embedder | None:
    """The embedder of an alignment whose judges can be written down; None where it embeds nothing.

    Raises:
        RequestError: If its judges are more than guidelines and examples, or a class is unknown.
    """
    if not isinstance(alignment, DualMemory | NoAlignment):
        raise RequestError(
            f"alignment={alignment.name} makes judges that cannot be written down as guidelines and"
            " examples; export none, semantic, episodic, full or random_neighbours (or one of your"
            " own made of DualMemory)."
        )
    dual = isinstance(alignment, DualMemory) and alignment.episodic
    embedder: Embedder | None = getattr(alignment, "embedder", None) if dual else None
    # Only classes that loading knows by name: a file must not name code.
    for value, known in ((scoring, _SCORINGS), (embedder, _EMBEDDERS)):
        # Not `isinstance`: what derives from a known class would come back as that class.
        if value is not None and type(value) not in known.values():
            raise RequestError(
                f"{type(value).__name__} is no class of this package: a judge that uses it could"
                f" not be loaded elsewhere. Known: {', '.join(known)}."
            )
    return embedder


def judge_value(shippable: Shippable) -> dict[str, Any]:
    """The judge as JSON values, without its backend."""
    judge, relative = shippable.judge, shippable.relative
    return {
        "rubric": _rubric_value(judge.rubric, judge.dimension),
        "prompt": {**asdict(judge.layout), "order": list(judge.layout.order)},
        "scoring": _with_kind(judge.scoring, _SCORINGS),
        "ask_applicability": judge.ask_applicability,
        "guidelines": [
            {"text": entry.text, "sources": list(entry.sources), "grade": entry.grade}
            for entry in judge.guidelines
        ],
        "memory": _memory_value(judge.retriever, shippable.embedder),
        "prior": None
        if relative is None
        else {
            "probabilities": {
                str(grade): relative.prior[grade] for grade in sorted(relative.prior)
            },
            "n_items": relative.n_items,
        },
    }


def judge_from(value: Mapping[str, Any], backend: Backend, embedding: Backend) -> Shippable:
    """The judge that `judge_value` wrote down.

    Args:
        value: What it wrote.
        backend: The model that judges.
        embedding: The model that embeds, where the embedder asks one.

    Raises:
        AlignmentError, BackendError: If the memory cannot be indexed.
        KeyError, TypeError, ValueError: If the value is no judge.
    """
    rubric = _rubric_from(value["rubric"])
    # A file holds one dimension's judge, and its rubric that dimension alone.
    (dimension,) = rubric.dimensions.values()
    memory = value["memory"]
    embedder = _build_by_kind(memory["embedder"], _EMBEDDERS, "embedder") if memory else None
    # How it asks, and its guidelines.
    judge = Judge(
        rubric=rubric,
        dimension=dimension,
        backend=backend,
        scoring=_build_by_kind(value["scoring"], _SCORINGS, "scoring"),
        layout=PromptLayout(**value["prompt"]),
        ask_applicability=value["ask_applicability"],
        guidelines=tuple(
            Guideline(entry["text"], tuple(entry["sources"]), entry["grade"])
            for entry in value["guidelines"]
        ),
    )
    # Its examples.
    if embedder is not None:
        judge = replace(judge, retriever=_memory_from(memory, embedder, embedding, rubric.scale))
    # Its habit, where one was measured.
    prior = value["prior"]
    if prior is None:
        return Shippable(judge, None, embedder)
    chances = {
        plain_number(float(grade)): chance for grade, chance in prior["probabilities"].items()
    }
    return Shippable(judge, RelativeJudge(judge, chances, prior["n_items"]), embedder)


def _with_kind(value: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """A value as the name of its class here, and its settings."""
    kind = next(name for name, class_ in known.items() if type(value) is class_)
    return {"kind": kind, "settings": asdict(value)}


def _build_by_kind(value: Mapping[str, Any], known: Mapping[str, Any], what: str) -> Any:
    """A value of a known class from its name and settings."""
    kind = value["kind"]
    if kind not in known:
        raise ValueError(f"unknown {what} {kind!r}; known: {', '.join(known)}")
    return known[kind](**value["settings"])


def _rubric_value(rubric: Rubric, dimension: DimensionRubric) -> dict[str, Any]:
    """The rubric as one dimension's judge knows it; grades are JSON keys, so they are text."""
    question = asdict(dimension)
    question["levels"] = {str(grade): text for grade, text in sorted(dimension.levels.items())}
    scale = asdict(rubric.scale)
    return {
        "name": rubric.name,
        "artefact": rubric.artefact,
        "article": rubric.article,
        "scale": scale,
        "dimension": question,
    }


def _rubric_from(value: Mapping[str, Any]) -> Rubric:
    """The rubric that `_rubric_value` wrote down, with one dimension."""
    question = dict(value["dimension"])
    question["levels"] = {
        plain_number(float(grade)): text for grade, text in question["levels"].items()
    }
    question["view"] = ViewRule(**question["view"])
    dimension = DimensionRubric(**question)
    scale = value["scale"]
    if "not_applicable" not in scale:  # written when 0 was N/A on every scale
        scale = scale | {"not_applicable": 0}
    name_and_artefact = value["name"], value["artefact"]
    # Files from before there was an article are of prompts that said "a" of everything.
    return Rubric(
        *name_and_artefact, Scale(**scale), {dimension.name: dimension}, value.get("article", "a")
    )


def _memory_value(retriever: Any, embedder: Embedder | None) -> dict[str, Any] | None:
    """Episodic memory; vectors stand in it where a model made them, so that none is asked again."""
    if retriever is None or embedder is None:
        return None
    memory = retriever.memory if isinstance(retriever, RandomMemory) else retriever
    is_refitted = isinstance(
        embedder, TfidfEmbedder
    )  # fitted again on the same texts: the same bits
    # Shape (examples, width), in the order of the examples.
    rows = None if is_refitted else memory.index.rows(np.arange(len(memory.items)))
    return {
        "neighbours": "random" if isinstance(retriever, RandomMemory) else "nearest",
        "seed": retriever.seed if isinstance(retriever, RandomMemory) else None,
        "k": memory.k,
        "floor": memory.floor,
        "query": memory.query,
        "diversity": memory.diversity,
        "embedder": _with_kind(embedder, _EMBEDDERS),
        "examples": [
            {
                "item_id": item.shown.item_id,
                "text": item.shown.example_text,
                "grade": str(item.score) if item.score is NOT_APPLICABLE else item.score,
                "rationale": item.rationale,
                "embedded": query_text(item.shown, memory.query),
                # float32 as the same number in double precision: read back it has the same bits.
                "vector": None if rows is None else [float(part) for part in rows[place]],
            }
            for place, item in enumerate(memory.items)
        ],
    }


def _memory_from(
    value: Mapping[str, Any], embedder: Embedder, embedding: Backend, scale: Scale
) -> EpisodicMemory | RandomMemory:
    """Episodic memory from its examples; vectors that are stored are not made again."""
    if value["neighbours"] not in ("nearest", "random"):
        raise ValueError(f"neighbours must be nearest or random, got {value['neighbours']!r:.60}")
    items = tuple(_example_from(entry, scale) for entry in value["examples"])
    # Needed in either case: new items are embedded as well.
    encode = embedder.fit([entry["embedded"] for entry in value["examples"]], embedding)
    settings = {"query": value["query"], "diversity": value["diversity"]}
    # Counted words: fitting again on the same texts gives the same vectors.
    if any(entry["vector"] is None for entry in value["examples"]):
        memory = EpisodicMemory.of(items, encode, value["k"], value["floor"], **settings)
    else:
        rows = np.array([entry["vector"] for entry in value["examples"]], dtype=np.float32)
        # Python reads NaN in JSON, and a similarity to it would be none.
        if not np.isfinite(rows).all():
            raise AlignmentError("a stored vector holds values that are not finite numbers.")
        # Examples stand in the order of the memory, which goes by id: the index numbers them so.
        index = index_of(rows)
        memory = EpisodicMemory(items, encode, index, value["k"], value["floor"], **settings)
    return RandomMemory(memory, value["seed"]) if value["neighbours"] == "random" else memory


def _example_from(entry: Mapping[str, Any], scale: Scale) -> LabelledItem:
    """A remembered item; the one text that is embedded of it stands for all that might be."""
    embedded = entry["embedded"]
    shown = ShownItem(entry["item_id"], embedded, entry["text"], embedded, embedded, embedded)
    grade = entry["grade"]
    if grade in scale.grades:
        return LabelledItem(shown, grade, entry["rationale"])
    # "Not applicable" is written by its name, which is no grade; earlier files hold its number.
    if grade is None or grade not in (str(NOT_APPLICABLE), scale.not_applicable):
        raise ValueError(f"example {entry['item_id']}: grade {grade!r:.60} is not {scale}")
    return LabelledItem(shown, NOT_APPLICABLE, entry["rationale"])
