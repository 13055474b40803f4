"""What methods do to values: those of estimators, of frames and columns, and of lists."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from genie_synth.oracle.dataflow.calls import (
    SINKS,
    STATISTICS,
    best_of,
    held_out,
    metric_value,
    statistic_of,
)
from genie_synth.oracle.dataflow.events import Walk
from genie_synth.oracle.dataflow.relations import is_trivial, root_name
from genie_synth.oracle.dataflow.selecting import last_of
from genie_synth.oracle.dataflow.values import EMPTY, NOTHING, Value, join

__all__ = ["method_result"]


@dataclass(frozen=True)
class _Call:
    """A method call.

    Attributes:
        walk: Who walks.
        base: What it is called on.
        root: The variable that the expression begins with.
        name: The method.
        args: Positional arguments.
        keywords: Named arguments.
    """

    walk: Walk
    base: Value
    root: str
    name: str
    args: Sequence[Value]
    keywords: Mapping[str, Value]

    @property
    def first(self) -> Value:
        return self.args[0] if self.args else NOTHING

    @property
    def whole(self) -> Value:
        return join([self.base, *self.args, *self.keywords.values()])

    def function_results(self) -> list[Value]:
        """What functions among the arguments make of the base."""
        functions = [value.function for value in self.args if value.function is not None]
        return [self.walk.enter(function, [self.base.derived]) for function in functions]

    def becomes(self, value: Value) -> None:
        """The variable that the call begins with holds this now, if it held an estimator."""
        held = self.walk.names.get(self.root, NOTHING)
        if held.classes:
            self.walk.names[self.root] = value


def method_result(
    walk: Walk,
    base: Value,
    func: ast.Attribute,
    arguments: tuple[Sequence[Value], Mapping[str, Value]],
) -> Value:
    """`base.method(...)` of something that is no module."""
    call = _Call(walk, base, root_name(func), func.attr, *arguments)
    result = _value_of_call(call)
    walk.record(
        f".{call.name}", receiver=base, args=call.args, keywords=call.keywords, result=result
    )
    return result


def _value_of_call(call: _Call) -> Value:
    if call.base.classes and call.name in _ESTIMATOR_METHODS:
        return _ESTIMATOR_METHODS[call.name](call)
    if call.name in SINKS:
        return NOTHING
    if call.name in _CHOOSING_METHODS and call.whole.has("score", "candidate"):
        return _choose(call)
    if call.name in _DATA_METHODS:
        return _DATA_METHODS[call.name](call)
    if call.name in STATISTICS:
        inner = call.function_results()
        base = join([call.base, *inner]) if inner else call.base
        return statistic_of(call.walk, base, call.name, call.args)
    return join([call.whole, *call.function_results()])


# Estimators


def _fit(call: _Call) -> Value:
    rows = call.first.rows
    # A search chooses by scores on folds of what it is fitted on.
    if any(entry.endswith("SearchCV") for entry in call.base.classes):
        scores = Value(rows=held_out(call.first), marks=frozenset({"score"}))
        call.walk.record("choice", args=(scores,), label="search")
    fitted = replace(call.base.derived, fitted=rows)
    call.becomes(fitted)
    return fitted


def _fit_transform(call: _Call) -> Value:
    fitted = _fit(call)
    return replace(call.first.derived, classes=fitted.classes, fitted=fitted.fitted)


def _transform(call: _Call) -> Value:
    return replace(call.first.derived, classes=call.base.classes, fitted=call.base.fitted)


def _set_params(call: _Call) -> Value:
    """Another setting makes it another model: unfitted, and a candidate while it is tried out."""
    fresh = replace(call.base, fitted=EMPTY)
    tried = call.whole.has("tried") and not call.whole.has("score")
    fresh = fresh.marked("candidate") if tried else fresh.without("candidate")
    call.becomes(fresh)
    return fresh


def _score(call: _Call) -> Value:
    kind = "r2_score" if call.walk.setting.task == "regression" else "accuracy_score"
    marks = {"metric", *_marks_kept(call.base)}
    return metric_value(call.walk, kind, Value(rows=call.first.rows, marks=frozenset(marks)))


def _predict(call: _Call) -> Value:
    marks = {"prediction", *_marks_kept(call.base), *(call.first.marks & {"part"})}
    return Value(rows=call.first.rows, fitted=call.base.fitted, marks=frozenset(marks))


def _marks_kept(estimator: Value) -> set[str]:
    """Marks of an estimator that stay with what it says."""
    trivial = {"trivial"} if is_trivial(estimator) else set()
    return {*(estimator.marks & {"candidate"}), *trivial}


def _split(_call: _Call) -> Value:
    """Pairs of places inside and outside of a fold."""
    pair = (Value(marks=frozenset({"inside"})), Value(marks=frozenset({"outside"})))
    return Value(entries=(replace(join(pair), entries=pair),))


_ESTIMATOR_METHODS: Mapping[str, Callable[[_Call], Value]] = {
    "fit": _fit,
    "fit_transform": _fit_transform,
    "transform": _transform,
    "set_params": _set_params,
    "score": _score,
    "predict": _predict,
    "predict_proba": _predict,
    "decision_function": _predict,
    "split": _split,
}

# Choosing

_CHOOSING_METHODS = frozenset(
    {"argmax", "argmin", "idxmax", "idxmin", "sort", "sort_values", "index"}
)


def _choose(call: _Call) -> Value:
    """The best of what was tried: whatever holds it now is no candidate any more."""
    current = call.walk.names.get(call.root)
    if call.name.startswith("sort") and current is not None:
        call.walk.names[call.root] = current.derived.without("candidate", "tried")
    return best_of(call.walk, call.whole, call.name)


# Frames, columns and lists


def _mutate(call: _Call) -> Value:
    if call.root:
        call.walk.mutate(call.root, list(call.args))
    current = call.walk.names.get(call.root, NOTHING)
    return current.derived if call.name == "setdefault" else NOTHING


def _items(call: _Call) -> Value:
    if not call.base.keys:
        return call.whole
    pairs = [(Value(constant=key), value) for key, value in call.base.keys.items()]
    return replace(
        call.base.derived, entries=tuple(replace(join(pair), entries=pair) for pair in pairs)
    )


def _mask(mark: str) -> Callable[[_Call], Value]:
    return lambda call: replace(call.base.derived, marks=frozenset({mark}))


def _compare(call: _Call) -> Value:
    return call.whole.marked("comparison")


def _same(call: _Call) -> Value:
    """The same rows and columns, whatever the arguments."""
    return call.base.derived


def _part(call: _Call) -> Value:
    """A few rows; of a single column, draws from it."""
    if call.name == "tail" and call.base.entries:
        return last_of(call.base)
    if call.name == "sample" and len(call.base.columns) == 1:
        return statistic_of(call.walk, call.base, call.name, call.args)
    return call.base.derived.marked("part")


def _shift(call: _Call) -> Value:
    step = (call.first if call.args else call.keywords.get("periods", Value(constant=1))).number
    ahead = step is not None and step < 0
    return call.base.derived.marked("ahead" if ahead else "shifted")


def _window(call: _Call) -> Value:
    centred = call.keywords.get("center", NOTHING).constant is True
    return call.base.derived.marked("window", *(("centred",) if centred else ()))


def _groupby(call: _Call) -> Value:
    columns = call.base.columns | set(call.first.strings)
    return replace(call.whole, columns=columns).marked("grouped")


def _join(call: _Call) -> Value:
    """Columns beside one another; the rows are those of the first."""
    return replace(call.whole, rows=call.base.rows)


def _assign(call: _Call) -> Value:
    marks = call.base.marks
    for column, value in call.keywords.items():
        known = value
        if value.function is not None:
            known = call.walk.enter(value.function, [call.base.derived])
        call.walk.record("column", receiver=call.base, args=(known, NOTHING), label=column)
        marks |= known.marks & {"prediction"}
    return replace(call.base.derived, entries=call.base.entries, marks=marks)


_DATA_METHODS: Mapping[str, Callable[[_Call], Value]] = {
    **dict.fromkeys(("append", "extend", "update", "setdefault", "add", "insert"), _mutate),
    **dict.fromkeys(("isna", "isnull"), _mask("missing")),
    **dict.fromkeys(("notna", "notnull"), _mask("present")),
    **dict.fromkeys(("between", "isin", "gt", "ge", "lt", "le", "eq", "ne"), _compare),
    **dict.fromkeys(("fillna", "ffill", "bfill", "interpolate", "replace", "drop"), _same),
    **dict.fromkeys(("dropna", "where", "mask"), _same),
    **dict.fromkeys(("head", "tail", "sample", "nlargest", "nsmallest"), _part),
    **dict.fromkeys(("shift", "diff"), _shift),
    **dict.fromkeys(("rolling", "expanding", "ewm"), _window),
    **dict.fromkeys(("join", "merge"), _join),
    "assign": _assign,
    "clip": lambda call: call.whole,
    "copy": lambda call: call.base,
    "groupby": _groupby,
    "items": _items,
}
