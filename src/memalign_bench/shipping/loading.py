"""A judge from a file of `export_judge`, for new notebooks and texts; MLflow is not needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from memalign_bench.backends.base import BackendSpec
from memalign_bench.backends.store.call_store import CallStore, canonical_json
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.closing import Closing
from memalign_bench.errors import DataError, RequestError
from memalign_bench.judging.judge import Judge, ShownItem
from memalign_bench.judging.relative import RelativeJudge
from memalign_bench.notebooks.decoding import decode
from memalign_bench.notebooks.parse import clean_text, read_notebook, without_surrogates
from memalign_bench.notebooks.terminal import says_nothing
from memalign_bench.notebooks.views import ViewSettings, facts_text, render_view, whole_text
from memalign_bench.shipping.judge_file import Shippable, judge_from
from memalign_bench.types import Item, Verdict

__all__ = [
    "FORMAT",
    "LoadedJudge",
    "SpecOf",
    "judge_of",
    "judging_model",
    "load_judge",
    "new_item",
    "read_judge",
]

FORMAT = 1
"""Version of the files' format."""

SpecOf = Callable[[Mapping[str, Any]], BackendSpec]
"""From what a file says of a model (`name`, `settings`) to a way to it."""

Reading = Literal["raw", "relative"]


@dataclass(frozen=True)
class LoadedJudge(Closing):
    """An exported judge of one dimension; a context manager, which closes its model.

    Attributes:
        record: All that the file says: `scores`, `study`, `data`, `runs`, `judge` and so on.
        judge: The judge, with its habit.
        view: How much of an item it is shown.
        facts: How facts are read of an item, where neighbours are found by them.
        backends: The models behind it.
        store: Their call store, where it is closed with the judge.
    """

    record: Mapping[str, Any]
    judge: Shippable
    view: ViewSettings
    facts: ViewSettings | None
    backends: tuple[StoredBackend, ...]
    store: CallStore | None = None

    @property
    def name(self) -> str:
        """The dimension."""
        return self.judge.judge.dimension.name

    def score(
        self,
        what: str | Path | Item,
        *,
        request: str = "",
        context: str = "",
        repeat: int = 0,
        reading: Reading | None = None,
    ) -> Verdict:
        """Score a new item, shown as the study showed its own.

        The verdict's score is a grade of the judge's scale, or `types.NOT_APPLICABLE`.

        Args:
            what: A text; the `Path` of a notebook (`.ipynb`) or of a text file; or an `Item`. A
                string is a text, so one that names a file is refused.
            request: What the user of its case asked for; an `Item` has its own.
            context: A line on its data, likewise.
            repeat: Which of several askings of the same question this is.
            reading: `raw`, or `relative` to the judge's habit on the training items; by default
                the one that the study was read by.

        Raises:
            DataError: If a notebook cannot be read, or the item says nothing.
            RequestError: If there is no such file, a string names one, or no such reading exists.
            FailedCallError: If the model gives no usable answer.
        """
        item = what if isinstance(what, Item) else new_item(what, request, context)
        return self.reader(reading).score(self.shown(item), repeat)

    def reader(self, reading: Reading | None = None) -> Judge | RelativeJudge:
        """The judge in one reading, by default the one that the study was read by.

        Raises:
            RequestError: If no such reading exists.
        """
        wanted = reading or self.record["reading"]
        if wanted not in ("raw", "relative"):
            raise RequestError(f"reading must be raw or relative, got {reading!r}.")
        if wanted == "raw":
            return self.judge.judge
        if self.judge.relative is None:
            raise RequestError(f"{self.name}: no habit was measured; use reading='raw'.")
        return self.judge.relative

    def without_example(self, item_id: str) -> LoadedJudge:
        """The same judge, as if this labelled item had never been remembered."""
        judge_without = self.judge.judge.without_example(item_id)
        # The habit is not measured anew: it stays that of the judge with all of its examples.
        relative = self.judge.relative and replace(self.judge.relative, judge=judge_without)
        return replace(self, judge=self.judge._replace(judge=judge_without, relative=relative))

    def shown(self, item: Item) -> ShownItem:
        """The item as the judge sees it.

        Raises:
            DataError: If a notebook cannot be read, or the item says nothing.
        """
        _check_says_something(item, item.item_id)
        rule = self.judge.judge.dimension.view
        view = render_view(item, rule, self.view, dimension=self.name)
        brief = render_view(item, rule, self.view, example=True, dimension=self.name)
        facts = facts_text(item, rule, self.facts, self.name) if self.facts else ""
        return ShownItem(item.item_id, view.text, brief.text, whole_text(item), item.prompt, facts)

    def close(self) -> None:
        """Release the models, and the call store."""
        # One that cannot be closed must not keep the others open.
        with ExitStack() as held:
            if self.store is not None:
                held.enter_context(self.store)
            for backend in self.backends:
                held.enter_context(backend)


def load_judge(
    path: Path,
    spec_of: SpecOf,
    backend: BackendSpec | None = None,
    call_store: Path | None = None,
) -> LoadedJudge:
    """Read a judge and build it again.

    Args:
        path: The file.
        spec_of: Makes the models that the file names.
        backend: The judge's model, where it is reached in another way than the file says.
        call_store: SQLite file of calls, so that equal questions are asked once; None for memory.

    Raises:
        DataError: If the file is no judge of a format that is known.
        RequestError: If the model is another than the one the judge was aligned for.
    """
    record = read_judge(path)
    judging_spec = judging_model(path, record, spec_of, backend)
    with ExitStack() as opened:
        store = opened.enter_context(CallStore(call_store))
        judging = embedding = opened.enter_context(StoredBackend(judging_spec, store))
        # Most judges embed with their own model, or without one.
        if embedding_entry := record["embedding"]:
            embedding = opened.enter_context(StoredBackend(spec_of(embedding_entry), store))
        judge = judge_of(path, record, judging, embedding)
        # Closed here only where something is wrong with the file; else with the judge.
        opened.pop_all()
    return replace(judge, store=store)


def judging_model(
    path: Path, record: Mapping[str, Any], spec_of: SpecOf, backend: BackendSpec | None
) -> BackendSpec:
    """The model of a judge: the one that is given, or the one that its file names.

    Raises:
        RequestError: If it is none, or another than the one the judge was aligned for.
    """
    # In Python a backend's name is easily given for the backend.
    if backend is not None and not hasattr(backend, "identity"):
        raise RequestError(
            f"backend must be a backend itself, not its name, got {backend!r:.60}; without it the"
            " judge asks the model that its file names."
        )
    chosen = backend or spec_of(record["backend"])
    if _model_key(chosen.identity()) != _model_key(record["backend"]["identity"]):
        raise RequestError(
            f"{path}: this judge was aligned for {record['backend']['identity']}, got"
            f" {chosen.identity()}; its scores say nothing of another model. Align that one:"
            " memalign-bench run and export_judge."
        )
    return chosen


def judge_of(
    path: Path, record: Mapping[str, Any], judging: StoredBackend, embedding: StoredBackend
) -> LoadedJudge:
    """Build the judge of a file that was read, on models that are there.

    Raises:
        DataError: If the file is no judge.
    """
    try:
        shippable = judge_from(record["judge"], judging, embedding)
        view = ViewSettings(**record["view"])
        facts = ViewSettings(**record["facts"]) if record.get("facts") else None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(str(path), [_problem_text(error)]) from error
    # The models to close with the judge.
    models = (judging, embedding) if record["embedding"] else (judging,)
    return LoadedJudge(record, shippable, view, facts, models)


def _model_key(identity: Mapping[str, Any]) -> str:
    """A text by which two models are told apart; the same one may have another address."""
    return canonical_json({**identity, "base_url": None})


def read_judge(path: Path) -> dict[str, Any]:
    """What a judge's file says, checked for what every judge needs.

    Raises:
        RequestError: If it cannot be read.
        DataError: If it is no judge of a format that is known.
    """
    try:
        record: Any = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise RequestError(f"no judge can be read at {path}: {error.strerror}.") from error
    # Bytes that are no UTF-8 too: that error is a ValueError, as that of bad JSON is.
    except (ValueError, RecursionError) as error:
        raise DataError(str(path), [f"it is not JSON: {error}"]) from error
    format_version = record.get("format") if isinstance(record, dict) else None
    if format_version is None:
        raise DataError(str(path), ["it is no judge that export_judge wrote."])
    if format_version != FORMAT:
        raise DataError(
            str(path), [f"format must be {FORMAT}, got {format_version!r}: export it again."]
        )
    needed = ("backend", "embedding", "judge", "reading", "view")
    missing = [f"{name!r} is missing" for name in needed if name not in record]
    # A judge that embeds with its own model names no other.
    objects = [name for name in needed if name != "reading" and name in record]
    missing += [
        f"{name!r} must be an object, got {record[name]!r:.60}"
        for name in objects
        if not isinstance(record[name], dict) and (name, record[name]) != ("embedding", None)
    ]
    for name in ("backend", "embedding"):
        if isinstance(record.get(name), dict):
            missing += _model_problems(name, record[name])
    if missing:
        raise DataError(str(path), missing)
    checked: dict[str, Any] = record
    return checked


def _model_problems(name: str, model: Mapping[str, Any]) -> Iterator[str]:
    """What a file lacks of a model, or has of another kind."""
    for key, kind, expected in (
        ("name", str, "a text"),
        ("settings", dict, "an object"),
        ("identity", dict, "an object"),
    ):
        if key not in model:
            yield f"{name!r} lacks {key!r}"
        elif not isinstance(model[key], kind):
            yield f"{key!r} of {name!r} must be {expected}, got {model[key]!r:.60}"


def _problem_text(error: Exception) -> str:
    """What an error says is wrong with a file."""
    return f"{error!s} is missing" if isinstance(error, KeyError) else str(error)


def new_item(what: str | Path, request: str, context: str) -> Item:
    """A new item, named by a hash of its content, so that equal items get equal answers."""
    kind: Literal["notebook", "text"] = "text"
    if isinstance(what, Path):
        kind = "notebook" if what.suffix.lower() == ".ipynb" else "text"
        try:
            content = decode(what.read_bytes(), str(what)).text
        except OSError as error:
            many = (
                f" Name one notebook or text; of a folder, `memalign-bench generate agent=folder"
                f" agent.path={what}` makes a run, and `score run=` grades all of it."
            )
            raise RequestError(
                f"no item can be read at {what}: {error.strerror}.{many if what.is_dir() else ''}"
            ) from error
    else:
        content = _checked_text(what)
    # A lone surrogate, which JSON can spell, could not be encoded.
    name = f"new-{hashlib.sha256(without_surrogates(content).encode()).hexdigest()[:12]}"
    # A case of its own: nothing is known of others that would share it.
    item = Item(name, name, clean_text(request), clean_text(context), kind, content)
    if isinstance(what, Path):
        # `shown` checks as well, but knows the item only by its hash.
        _check_says_something(item, str(what))
    return item


def _checked_text(what: Any) -> str:
    """A string that is meant as a text; refuses one that names a file."""
    if not isinstance(what, str):
        raise RequestError(f"score takes a text, a pathlib.Path or an Item, got {what!r:.60}.")
    # Else the path itself would be judged, as a very short text.
    named = what.strip(" \t\r\n\"'")
    if ("\n" not in named and named.lower().endswith(".ipynb")) or _names_file(named):
        raise RequestError(
            f"{what!r:.200} is a string, which is a text to judge, and it names a file; pass"
            " pathlib.Path(...) to judge what the file holds."
        )
    # The JSON itself would be judged, pictures in it too.
    if what.lstrip().startswith("{") and '"nbformat"' in what and '"cells"' in what:
        raise RequestError(
            "the string is a notebook's JSON, and would be judged as a text; pass pathlib.Path(...)"
            " of the file, or an Item of the kind 'notebook'."
        )
    return clean_text(what)


def _names_file(what: str) -> bool:
    """Whether a string is the path of a file, or names a folder inside another."""
    try:
        path = Path(what)
        return bool(what) and (path.is_file() or (path.name not in ("", what) and path.is_dir()))
    except (OSError, ValueError):  # longer than a path can be, or with a NUL
        return False


def _check_says_something(item: Item, name: str) -> None:
    """Refuse an item without anything to judge."""
    if item.kind == "notebook":
        empty = read_notebook(item.content, name).blank
    else:
        empty = says_nothing(item.content)
    if empty:
        raise DataError(name, ["the item is empty; there is nothing to judge."])
