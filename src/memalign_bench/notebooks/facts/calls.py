"""What a call does, as far as its name and what it is given tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from memalign_bench.notebooks.facts.values import UNKNOWN, Value, joined, of_rows, united
from memalign_bench.notebooks.facts.wording import base_name, code_of, dotted

__all__ = ["Call", "Meaning", "meaning_of"]

_DATA_CLASSES = ("DataFrame", "Series", "Index", "array", "asarray", "Dataset")
_REDUCER_NAMES = re.compile(
    r"mean|median|mode|std|var|sum|min|max|quantile|count|len|nunique|any|all|average|percentile"
    r"|nanmean|nanmedian|round|float|int|abs|agg|item|skew"
)
_ORDERING_CALLS = ("max", "min", "sorted", "sort", "argmax", "argmin", "idxmax", "idxmin",
                   "nlargest", "nsmallest", "sort_values", "index")  # fmt: skip
_CONTAINERS = ("Pipeline", "ColumnTransformer", "FeatureUnion")
_MASKING_CALLS = ("isin", "between", "duplicated", "contains", "startswith", "eq", "ne", "gt",
                  "lt", "ge", "le", "any", "all")  # fmt: skip
_ROWS_TAKEN = {"head": "first", "tail": "last", "sample": "a sample", "nlargest": "largest"}


class Call(NamedTuple):
    """A call and what is known of its parts.

    Attributes:
        node: Its code.
        name: Dotted name of what is called.
        kind: The kind of fact that the name stands for; "" for none.
        receiver: What a method is called on.
        arguments: Values of the positional arguments.
        named: Values of the named ones.
        target: What the statement assigns it to, in words; "" for nothing.
        stored: What the notebook wrote to a file before, where it reads one back.
    """

    node: ast.Call
    name: str
    kind: str
    receiver: Value
    arguments: tuple[Value, ...]
    named: dict[str, Value]
    target: str = ""
    stored: Value = UNKNOWN

    @property
    def tail(self) -> str:
        """The last part of the name."""
        return self.name.rsplit(".", 1)[-1]

    @property
    def given(self) -> Value:
        """All arguments together."""
        return joined([*self.arguments, *self.named.values()])

    @property
    def settings(self) -> str:
        """The named arguments that hold no rows, as they stand."""
        shown = [
            code_of(keyword, 80)
            for keyword in self.node.keywords
            if not self.named.get(keyword.arg or "**", UNKNOWN).data
        ]
        return ", ".join(shown)

    @property
    def who(self) -> str:
        """What the method is called on, in words: its name, else its classes."""
        func = self.node.func
        base = dotted(func.value) if isinstance(func, ast.Attribute) else ""
        return base or base_name(func) or " > ".join(self.receiver.classes[:4]) or "a model"


class Meaning(NamedTuple):
    """What a call does.

    Attributes:
        value: What it gives.
        kinds: Kinds of facts that it is; empty where it says nothing.
        text: Its line; "" where the statement's own code says it best.
        nests: It is left unsaid within a call that makes something out of it.
        absorbs: Kinds of which its arguments need no line beside this one.
    """

    value: Value
    kinds: tuple[str, ...] = ()
    text: str = ""
    nests: bool = False
    absorbs: tuple[str, ...] = ()


def meaning_of(call: Call, constants: Mapping[str, str]) -> Meaning:
    """What a call gives, and the line that says so.

    Args:
        call: The call.
        constants: Names that stand for a text written out.
    """
    if call.stored != UNKNOWN:
        return Meaning(call.stored, ("reads", "answers"))
    if call.kind == "reads":
        return _read_meaning(call, constants)
    if call.tail in _DATA_CLASSES:
        return Meaning(call.given)
    reader = _READERS.get(call.kind)
    if reader is not None:
        return reader(call)
    return _other_meaning(call)


def _read_meaning(call: Call, constants: Mapping[str, str]) -> Meaning:
    """The rows of a file, named by the last text in the call's first argument."""
    texts = [
        node.value if isinstance(node, ast.Constant) else constants.get(getattr(node, "id", ""), "")
        for argument in call.node.args[:1]
        # Walked, since a path is often put together: DATA / "a.csv", f"{folder}/a.csv".
        for node in ast.walk(argument)
    ]
    names = [text for text in texts if isinstance(text, str) and text]
    # The file's name alone: folders differ from notebook to notebook.
    source = re.split(r"[/\\]", names[-1])[-1] if names else code_of(call.node, 40)
    return Meaning(Value(rows=(f"rows of {source}",)), ("reads",))


def _split_meaning(call: Call) -> Meaning:
    """A split into train and test part, of each of its arguments."""
    if call.tail != "train_test_split":
        return _made_meaning(call)
    parts: list[Value] = []
    for value in call.arguments:
        rows = of_rows(value.rows)
        # A split of what a split gave is an inner one.
        inner = "" if rows.startswith("rows of") or not rows else "inner "
        parts += [replace(value, rows=(f"{inner}{part} part",), parts=(), whole=())
                  for part in ("train", "test")]  # fmt: skip
    arguments = ", ".join(code_of(node, 60) for node in call.node.args)
    settings = f": {call.settings}" if call.settings else ""
    target = f" into {call.target.strip('()')}" if call.target else ""
    inner = "inner " if any("inner" in one.rows[0] for one in parts) else ""
    text = (
        f"splits {arguments} (train_test_split){target}, in turn {inner}train part and"
        f" {inner}test part{settings}"
    )
    return Meaning(replace(joined(parts), parts=tuple(parts)), ("splits",), text)


def _made_meaning(call: Call) -> Meaning:
    """Something is made: an estimator, an encoder, an imputer, a search, a way to cut folds."""
    is_class = call.tail[:1].isupper()
    # How folds are cut is said where it is said; it is no part of what is made.
    given = joined(v for v in (*call.arguments, *call.named.values()) if v.kinds != ("splits",))
    if not is_class and not call.tail.startswith("make_"):
        return _changed_meaning(call)
    name = (call.tail,) if is_class and call.tail not in _CONTAINERS else ()
    value = Value(
        classes=united([name, given.classes]),
        kinds=united([(call.kind,), given.kinds]),
        scored=given.scored,
    )
    made = f" as {call.target}" if call.target else ""
    return Meaning(value, value.kinds, f"makes {code_of(call.node)}{made}", nests=True)


def _changed_meaning(call: Call) -> Meaning:
    """A function or method that gives the rows it gets, changed."""
    base = call.receiver if call.receiver.data else call.given
    fitted = call.receiver.fitted
    kinds = united([(call.kind,), call.receiver.kinds if call.receiver.classes else ()])
    value = replace(base, kinds=kinds, parts=(), mask=False)
    if call.tail == "transform" and call.receiver.classes:
        # Only the rows: what a transformer gives is no transformer.
        value = Value(rows=call.given.rows)
        source = f", fitted on {of_rows(fitted)}" if fitted else ""
        text = f"transforms {_data_text(call)} by {call.who}{source}"
        return Meaning(value, kinds, text)
    if call.kind == "fills":
        return Meaning(value, kinds, _fill_text(call))
    return Meaning(value, kinds)


def _fill_text(call: Call) -> str:
    """The line of a fill: what is filled, and which rows the values come from."""
    source = call.given
    rows = source.rows or (source.fitted if source.classes else ())
    if not rows:
        return ""
    into = f"{call.target}: " if call.target else ""
    return f"fills {into}{code_of(call.node, 120)}, values from {of_rows(rows)}"


def _data_text(call: Call) -> str:
    """The data that a call gets, in words."""
    rows = of_rows(call.given.rows)
    return rows or ", ".join(code_of(node, 60) for node in call.node.args) or "nothing"


def _fitted_meaning(call: Call) -> Meaning:
    """A fit: on which rows, by what, and with settings picked by which scores."""
    who, rows = call.receiver, call.given.rows
    # `model.fit()` of libraries that get their data when the model is made.
    if not call.arguments and not call.named:
        return Meaning(who, ("fits",))
    # A search scores its settings on folds of the rows it is fitted on.
    folds = any(name.endswith(("SearchCV", "CV")) for name in who.classes)
    scored = tuple(f"folds of {row_name}" for row_name in rows) if folds else who.scored
    picked = f", settings picked by scores on {of_rows(who.scored)}" if who.scored else ""
    before = f" again (before on {of_rows(who.fitted)})" if who.fitted else ""
    classes = f"({' > '.join(who.classes[:6])})" if who.classes else ""
    label = " ".join(
        filter(
            None,
            [base_name(call.node.func) or (call.target if call.tail == "fit" else ""), classes],
        )
    )
    text = f"fits {label or call.name}{before} on {_data_text(call)}{picked}"
    value = replace(who, fitted=rows, scored=scored, parts=(), alias="")
    if call.tail in ("fit_transform", "fit_resample"):
        value = Value(rows=rows, fitted=rows)
    elif call.tail == "fit_predict":
        value = Value(rows=rows, fitted=rows, predicted=True)
    # Also of the kinds of what is fitted, so that a question on models sees the fit.
    kinds = united([("fits",), who.kinds])
    return Meaning(value, kinds, text)


def _predicted_meaning(call: Call) -> Meaning:
    """Predictions: for which rows, by what, fitted on which."""
    who = call.receiver
    source = f", fitted on {of_rows(who.fitted)}" if who.fitted else ""
    way = "" if call.tail == "predict" else f" ({call.tail})"
    text = f"predicts{way} {_data_text(call)} by {call.who}{source}"
    rows = call.given.rows or who.rows
    return Meaning(Value(rows=rows, predicted=True), ("predictions",), text)


def _scored_meaning(call: Call) -> Meaning:
    """A score; without any rows it may be anything of that name."""
    rows = call.given.rows
    if not rows:
        return Meaning(replace(call.given, predicted=False), ("scores",))
    by_model = (
        call.who if isinstance(call.node.func, ast.Attribute) and call.receiver.classes else ""
    )
    name = f"{call.tail} of {by_model}" if by_model else call.tail
    arguments_text = f"({', '.join(code_of(node, 60) for node in call.node.args)})"
    settings = f", {call.settings}" if call.settings else ""
    text = f"{name} {arguments_text} on {of_rows(rows)}{settings}"
    return Meaning(Value(scored=rows), ("scores",), text, absorbs=("predictions",))


def _searched_meaning(call: Call) -> Meaning:
    """Cross-validation by a function; searches that are objects are made."""
    rows = call.given.rows
    if call.tail[:1].isupper() or not rows:
        return (
            _made_meaning(call) if call.tail[:1].isupper() else Meaning(call.given, ("searches",))
        )
    folds = tuple(f"folds of {row_name}" for row_name in rows)
    models = [code_of(node, 60) for node in call.node.args[:1]]
    settings = f": {call.settings}" if call.settings else ""
    text = f"{call.tail} of {''.join(models)} on {of_rows(folds)}{settings}"
    if call.tail == "cross_val_predict":
        return Meaning(Value(rows=folds, predicted=True), ("searches", "predictions"), text)
    return Meaning(Value(scored=folds), ("searches", "scores"), text)


def _looked_meaning(call: Call) -> Meaning:
    """A look at data; of differences to predictions it is a score."""
    base = call.receiver if call.receiver != UNKNOWN else call.given
    if call.tail in _ROWS_TAKEN and base.data:
        taken = f"{_ROWS_TAKEN[call.tail]} rows of {of_rows(base.rows).removeprefix('rows of ')}"
        return Meaning(replace(base, rows=(taken,), whole=base.rows, parts=()), ("looks",))
    if base.error:
        text = f"{call.tail} of differences between predictions and {of_rows(base.rows)}"
        return Meaning(Value(scored=base.rows), ("scores",), text)
    if base.predicted:
        return Meaning(replace(base, scalar=call.tail == "quantile", parts=()))
    scalar = base.scalar or call.tail == "quantile"
    return Meaning(replace(base, scalar=scalar, parts=()), ("looks",))


def _gap_meaning(call: Call) -> Meaning:
    """A look for absent values, which gives a mask."""
    base = call.receiver if call.receiver.data else call.given
    return Meaning(replace(base, mask=True, kinds=("gaps",), parts=(), alias=""), ("gaps",))


def _dropped_meaning(call: Call) -> Meaning:
    """Rows or columns left out of what the method is called on."""
    return Meaning(replace(call.receiver, kinds=("drops",), parts=(), whole=()), ("drops",))


def _printed_meaning(call: Call) -> Meaning:
    """Something printed; also an answer or a score where it holds predictions or scores."""
    given = call.given
    kinds = ["prints"]
    kinds += ["answers"] if given.predicted and not given.error else []
    kinds += ["scores"] if given.scored or given.error else []
    return Meaning(UNKNOWN, tuple(kinds))


def _tracked_meaning(call: Call) -> Meaning:
    """A call of experiment tracking, which says what its arguments would have said."""
    kinds = ("tracking", "scores") if call.given.scored or call.given.error else ("tracking",)
    return Meaning(call.given, kinds, absorbs=("scores", "predictions", "looks", "calls", "stores"))


def _other_meaning(call: Call) -> Meaning:
    """Any other call gives what it is called on, or what it gets."""
    receiver, given = call.receiver, call.given
    if call.tail == "set_params":
        return Meaning(replace(receiver, scored=united([receiver.scored, given.scored])))
    if call.tail in ("concat", "append", "vstack"):
        return Meaning(replace(joined([receiver, given]), whole=()), ("calls",))
    adds = call.tail in ("assign", "insert", "join", "merge")  # columns that may be predictions
    keeps_predictions = given.predicted and adds
    others = replace(given, rows=(), predicted=keeps_predictions) if receiver.data else given
    knows_receiver = receiver.rows or receiver.classes or receiver.scored
    value = joined([receiver if knows_receiver else UNKNOWN, others])
    if call.tail in ("where", "mask") and "gaps" in given.kinds:
        return _filled_where_meaning(call, value)
    if call.tail in _ORDERING_CALLS and (receiver.scored or given.scored):
        rows = united([receiver.scored, given.scored])
        text = f"orders by scores on {of_rows(rows)}: {code_of(call.node, 120)}"
        return Meaning(replace(value, scored=rows), ("choices",), text, absorbs=("choices",))
    if _REDUCER_NAMES.fullmatch(call.tail):
        return _reduced_meaning(call, value)
    mask = call.tail in _MASKING_CALLS or (value.mask and call.tail in ("astype", "to_numpy"))
    whole = receiver.whole if value.data else ()  # a copy, or a new index, of rows taken
    value = replace(value, mask=mask and value.data, parts=(), alias="", whole=whole)
    kinds = (
        (call.kind or "calls", "answers") if _writes_predictions(call) else (call.kind or "calls",)
    )
    return Meaning(value, kinds)


def _writes_predictions(call: Call) -> bool:
    """Whether predictions are written to a file."""
    return call.kind == "stores" and (call.receiver.predicted or call.given.predicted)


def _filled_where_meaning(call: Call, value: Value) -> Meaning:
    """A fill by a condition, `where` or `mask` over absent values."""
    sources = [
        value_given
        for value_given in (*call.arguments, *call.named.values())
        if not value_given.mask
    ]
    rows = of_rows(joined(sources).rows)
    into = f"{call.target}: " if call.target else ""
    text = f"fills {into}{code_of(call.node, 120)}, values from {rows}" if rows else ""
    return Meaning(replace(value, kinds=("fills",), mask=False), ("fills", "gaps"), text)


def _reduced_meaning(call: Call, value: Value) -> Meaning:
    """One number for many; of differences to predictions it is a score."""
    keeps = call.tail in ("any", "all", "abs", "round") or any(
        keyword.arg == "axis" for keyword in call.node.keywords
    )
    kinds = (call.kind,) if call.kind else ()
    if not value.error or call.tail in ("abs", "round", "len"):
        mask = value.mask and call.tail in ("any", "all")
        return Meaning(
            replace(value, scalar=value.scalar or not keeps, mask=mask, parts=(), alias=""), kinds
        )
    text = f"{call.tail} of differences between predictions and {of_rows(value.rows)}"
    return Meaning(Value(scored=value.rows), ("scores",), text)


_READERS: Mapping[str, Callable[[Call], Meaning]] = {
    "splits": _split_meaning,
    "models": _made_meaning,
    "preparation": _made_meaning,
    "fills": _made_meaning,
    "fits": _fitted_meaning,
    "predictions": _predicted_meaning,
    "scores": _scored_meaning,
    "searches": _searched_meaning,
    "looks": _looked_meaning,
    "gaps": _gap_meaning,
    "drops": _dropped_meaning,
    "prints": _printed_meaning,
    "tracking": _tracked_meaning,
}
