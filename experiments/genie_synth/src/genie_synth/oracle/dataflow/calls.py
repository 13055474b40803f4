"""What calls do to values: scikit-learn, pandas, NumPy and MLflow as notebooks use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from genie_synth.oracle.dataflow.events import Walk
from genie_synth.oracle.dataflow.relations import compared, is_trivial
from genie_synth.oracle.dataflow.values import NOTHING, Value, join

__all__ = ["SINKS", "STATISTICS", "called", "chosen", "held_out", "measured", "statistic"]

Keywords = Mapping[str, Value]

STATISTICS = frozenset(
    {
        *("mean", "median", "mode", "std", "var", "quantile", "agg", "aggregate", "sum", "min"),
        *("max", "rank", "sample", "transform", "describe", "value_counts", "nanmedian"),
        *("nanmean", "average", "percentile", "nanpercentile", "sem", "skew", "count"),
    }
)
"""Methods and NumPy functions that make one number, or few, of many rows."""

SINKS = frozenset(
    {
        *("write_text", "to_csv", "to_json", "to_parquet", "savetxt", "dumps", "dump", "write"),
        *("warning", "info", "debug", "error", "savefig", "writerow", "writerows", "save"),
    }
)
"""What these are given is stored, not shown."""

_CONSTANTS = frozenset({"full", "full_like", "zeros", "ones", "repeat", "zeros_like", "ones_like"})
_CROSS = frozenset({"cross_val_score", "cross_validate", "cross_val_predict"})
_RESIDUAL_KINDS = {"mean": "mae", "median": "median_ae", "quantile": "quantile", "max": "max_error"}


def called(walk: Walk, callee: Value, args: Sequence[Value], keywords: Keywords) -> Value:
    """A call of something imported or built in."""
    name = callee.name
    last = name.rpartition(".")[2]
    if name.startswith("sklearn."):
        result = _sklearn(walk, last, args, keywords, name)
    elif name.startswith("mlflow"):
        result = Value(marks=frozenset({"run"})) if last == "start_run" else NOTHING
    elif name.startswith("builtins."):
        result = _builtin(walk, last, args, keywords)
    else:
        result = _library(walk, last, args, keywords)
    walk.tell(name or last, receiver=callee, args=args, keywords=keywords, result=result)
    return result


def _sklearn(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords, name: str) -> Value:
    if name.startswith("sklearn.metrics."):
        return _metric(walk, last, args, keywords)
    if last == "train_test_split":
        return _split(walk, args, keywords)
    if last in _CROSS:
        return _scored(args, keywords)
    if last in ("validation_curve", "learning_curve"):
        return _curves(args, keywords)
    return _made(last, join([*args, *keywords.values()]))


def _made(last: str, whole: Value) -> Value:
    """An estimator, a transformer, a splitter, or something made of them."""
    if last == "ParameterGrid":
        return Value(marks=frozenset({"tried"}))
    if last == "clone" or not (last[:1].isupper() or last.startswith("make_")):
        return whole
    tried = {"candidate"} if whole.has("tried") else set()
    made = {"make_pipeline": "Pipeline", "make_column_transformer": "ColumnTransformer"}
    return Value(
        classes=whole.classes | {made.get(last, last)},
        fitted=whole.fitted,
        marks=frozenset(whole.marks & {"candidate"} | tried),
    )


def _split(walk: Walk, args: Sequence[Value], keywords: Keywords) -> Value:
    entries: list[Value] = []
    for value in args:
        sides = ("learn", "valid") if value.rows and value.rows <= {"train"} else ("train", "test")
        whole = value.derived.without("part")
        entries += [replace(whole, rows=frozenset({side})) for side in sides]
    if args and "all" in args[0].rows:
        walk.tell("split", receiver=args[0], keywords=keywords, label="train_test_split")
    return replace(join(entries), entries=tuple(entries))


def _scored(args: Sequence[Value], keywords: Keywords) -> Value:
    """Cross-validated scores: of rows held out by folds of what was given."""
    estimator, rows = _given(args, keywords)
    marks = {
        "score",
        *(estimator.marks & {"candidate"}),
        *({"trivial"} if is_trivial(estimator) else ()),
    }
    return Value(rows=held_out(rows), marks=frozenset(marks))


def _given(args: Sequence[Value], keywords: Keywords) -> tuple[Value, Value]:
    estimator = args[0] if args else keywords.get("estimator", NOTHING)
    return estimator, args[1] if len(args) > 1 else keywords.get("X", NOTHING)


def held_out(rows: Value) -> frozenset[str]:
    """Rows that folds of these rows hold out."""
    return rows.rows if rows.rows & {"all", "test"} else frozenset({"fold"})


def _curves(args: Sequence[Value], keywords: Keywords) -> Value:
    """Scores on the rows fitted, and on those held out."""
    _, rows = _given(args, keywords)
    marks = frozenset({"score", "candidate"})
    seen, unseen = (
        Value(rows=frozenset({"train"}), marks=marks),
        Value(held_out(rows), marks=marks),
    )
    return replace(join([seen, unseen]), entries=(seen, unseen))


def _metric(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords) -> Value:
    truth = args[0] if args else keywords.get("y_true", NOTHING)
    guess = args[1] if len(args) > 1 else keywords.get("y_pred", keywords.get("y_score", NOTHING))
    against = compared(truth, guess, "metric")
    return measured(walk, last, replace(against, rows=truth.rows))


def measured(walk: Walk, kind: str, against: Value) -> Value:
    """A metric of a comparison of truth and guess; its event is remembered by a mark."""
    order = walk.tell("metric", args=(against,), label=kind)
    marks = {"score", f"metric:{order}", *(against.marks & {"candidate", "trivial"})}
    return Value(rows=against.rows, marks=frozenset(marks))


def _builtin(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords) -> Value:
    whole = join([*args, *keywords.values()])
    if last == "print":
        walk.tell("shown", args=(whole,))
    if last in ("print", "len", "range", "isinstance", "type"):
        return NOTHING
    if last in ("max", "min", "sorted"):
        return chosen(walk, whole, last)
    known = args and (args[0].keys or args[0].entries is not None or last == "open")
    return args[0] if known and last in ("open", "dict", "list", "tuple") else whole


def chosen(walk: Walk, whole: Value, by: str) -> Value:
    """The best by score of what was tried, where that is what is chosen among."""
    if not whole.has("score", "candidate"):
        return whole
    walk.tell("choice", args=(whole,), label=by)
    return whole.without("candidate", "tried")


def _library(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords) -> Value:
    whole = join([*args, *keywords.values()])
    special: dict[str, Callable[[], Value]] = {
        "read_csv": lambda: _read(walk, args),
        "Path": lambda: args[0] if args else NOTHING,
        "concat": lambda: replace(whole, entries=args[0].entries if args else None),
        "where": lambda: _where(whole, args),
        "load": lambda: walk.stored,
        "partial": lambda: args[0] if args else NOTHING,
        "DataFrame": lambda: args[0] if args and args[0].keys else whole,
    }
    if last in special:
        return special[last]()
    if last in SINKS:
        if args and args[0].classes:
            walk.stored = args[0]
        return NOTHING
    if last in _CONSTANTS:
        return whole.marked("trivial")
    if last in ("log", "log1p", "log10", "sqrt", "cbrt"):
        return whole.marked("plain")
    if last in STATISTICS or last in ("argmax", "argmin"):
        return statistic(walk, whole, last, args)
    return whole


def _read(walk: Walk, args: Sequence[Value]) -> Value:
    names = " ".join(text for value in args[:1] for text in value.strings)
    setting = walk.setting
    if setting.new_file and setting.new_file in names:
        return Value(rows=frozenset({"new"}))
    known = setting.file in names or not names
    return Value(rows=frozenset({"all"})) if known else NOTHING


def _where(whole: Value, args: Sequence[Value]) -> Value:
    """`np.where(mask, a, b)`: a flag, where a and b are 0 and 1."""
    if len(args) == 3 and {args[1].number, args[2].number} == {0.0, 1.0}:
        return args[0].derived
    return whole.without("missing", "present")


def statistic(walk: Walk, base: Value, last: str, args: Sequence[Value]) -> Value:
    """One number of many rows: an error, an accuracy, or a statistic of the data."""
    if base.has("residual"):
        parts = list(base.keys.values()) or [base]
        return join(_of_residuals(walk, part, last, args) for part in parts)
    if base.has("correct") and last in ("mean", "average"):
        return measured(walk, "accuracy_score", base)
    if last in ("argmax", "argmin"):
        return chosen(walk, base, last)
    if base.marks & {"score", "window", "shifted"}:
        return base.derived
    found = base.derived.marked("statistic", *(f"of:{row}" for row in base.rows))
    if base.has("target") and not base.marks & {"prediction", "missing"} and last == "mean":
        order = walk.tell("rate", args=(base,))
        found = found.marked(f"rate:{order}")
    return found


def _of_residuals(walk: Walk, base: Value, last: str, args: Sequence[Value]) -> Value:
    asked = [text for value in args for text in value.strings] or [last]
    if base.has("squared"):
        asked = ["squared" for _ in asked]
    kinds = [_RESIDUAL_KINDS.get(name, "rmse" if name == "squared" else name) for name in asked]
    return join([base, *(measured(walk, kind, base) for kind in kinds)])
