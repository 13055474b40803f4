"""What calls do to values: scikit-learn, pandas, NumPy and MLflow as notebooks use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from genie_synth.oracle.dataflow.events import Walk
from genie_synth.oracle.dataflow.relations import comparison_of, is_trivial
from genie_synth.oracle.dataflow.values import NOTHING, Value, join

__all__ = [
    "SINKS",
    "STATISTICS",
    "best_of",
    "call_result",
    "held_out",
    "metric_value",
    "statistic_of",
]

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

_CONSTANT_ARRAYS = frozenset(
    {"full", "full_like", "zeros", "ones", "repeat", "zeros_like", "ones_like"}
)
_CROSS_VALIDATION = frozenset({"cross_val_score", "cross_validate", "cross_val_predict"})
_RESIDUAL_KINDS = {"mean": "mae", "median": "median_ae", "quantile": "quantile", "max": "max_error"}


def call_result(walk: Walk, callee: Value, args: Sequence[Value], keywords: Keywords) -> Value:
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
    walk.record(name or last, receiver=callee, args=args, keywords=keywords, result=result)
    return result


def _sklearn(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords, name: str) -> Value:
    # Metrics and helpers first; every other class of scikit-learn is an estimator.
    if name.startswith("sklearn.metrics."):
        return _metric(walk, last, args, keywords)
    if last == "train_test_split":
        return _split(walk, args, keywords)
    if last in _CROSS_VALIDATION:
        return _cross_validated_scores(args, keywords)
    if last in ("validation_curve", "learning_curve"):
        return _curve_scores(args, keywords)
    return _estimator_value(last, join([*args, *keywords.values()]))


def _estimator_value(last: str, parts: Value) -> Value:
    """An estimator, a transformer, a splitter, or something made of them."""
    if last == "ParameterGrid":
        return Value(marks=frozenset({"tried"}))
    if last == "clone" or not (last[:1].isupper() or last.startswith("make_")):
        return parts
    marks = {"candidate"} if parts.has("tried") else set()
    class_of = {"make_pipeline": "Pipeline", "make_column_transformer": "ColumnTransformer"}
    return Value(
        classes=parts.classes | {class_of.get(last, last)},
        fitted=parts.fitted,
        marks=frozenset(parts.marks & {"candidate"} | marks),
    )


def _split(walk: Walk, args: Sequence[Value], keywords: Keywords) -> Value:
    entries: list[Value] = []
    for value in args:
        # A split of the training part is a validation split.
        sides = ("learn", "valid") if value.rows and value.rows <= {"train"} else ("train", "test")
        whole = value.derived.without("part")
        entries += [replace(whole, rows=frozenset({side})) for side in sides]
    if args and "all" in args[0].rows:
        walk.record("split", receiver=args[0], keywords=keywords, label="train_test_split")
    return replace(join(entries), entries=tuple(entries))


def _cross_validated_scores(args: Sequence[Value], keywords: Keywords) -> Value:
    """Cross-validated scores: of rows held out by folds of what was given."""
    estimator, rows = _estimator_and_rows(args, keywords)
    marks = {
        "score",
        *(estimator.marks & {"candidate"}),
        *({"trivial"} if is_trivial(estimator) else ()),
    }
    return Value(rows=held_out(rows), marks=frozenset(marks))


def _estimator_and_rows(args: Sequence[Value], keywords: Keywords) -> tuple[Value, Value]:
    estimator = args[0] if args else keywords.get("estimator", NOTHING)
    return estimator, args[1] if len(args) > 1 else keywords.get("X", NOTHING)


def held_out(rows: Value) -> frozenset[str]:
    """Rows that folds of these rows hold out."""
    return rows.rows if rows.rows & {"all", "test"} else frozenset({"fold"})


def _curve_scores(args: Sequence[Value], keywords: Keywords) -> Value:
    """Scores on the rows fitted, and on those held out."""
    _, rows = _estimator_and_rows(args, keywords)
    marks = frozenset({"score", "candidate"})
    seen, unseen = (
        Value(rows=frozenset({"train"}), marks=marks),
        Value(held_out(rows), marks=marks),
    )
    return replace(join([seen, unseen]), entries=(seen, unseen))


def _metric(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords) -> Value:
    truth = args[0] if args else keywords.get("y_true", NOTHING)
    guess = args[1] if len(args) > 1 else keywords.get("y_pred", keywords.get("y_score", NOTHING))
    against = comparison_of(truth, guess, "metric")
    return metric_value(walk, last, replace(against, rows=truth.rows))


def metric_value(walk: Walk, kind: str, against: Value) -> Value:
    """A metric of a comparison of truth and guess; its event is remembered by a mark."""
    order = walk.record("metric", args=(against,), label=kind)
    marks = {"score", f"metric:{order}", *(against.marks & {"candidate", "trivial"})}
    return Value(rows=against.rows, marks=frozenset(marks))


def _builtin(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords) -> Value:
    whole = join([*args, *keywords.values()])
    if last == "print":
        walk.record("shown", args=(whole,))
    if last in ("print", "len", "range", "isinstance", "type"):
        return NOTHING
    if last in ("max", "min", "sorted"):
        return best_of(walk, whole, last)
    known = args and (args[0].keys or args[0].entries is not None or last == "open")
    return args[0] if known and last in ("open", "dict", "list", "tuple") else whole


def best_of(walk: Walk, whole: Value, by: str) -> Value:
    """The best by score of what was tried, where that is what is chosen among."""
    if not whole.has("score", "candidate"):
        return whole
    walk.record("choice", args=(whole,), label=by)
    return whole.without("candidate", "tried")


def _library(walk: Walk, last: str, args: Sequence[Value], keywords: Keywords) -> Value:
    whole = join([*args, *keywords.values()])
    special: dict[str, Callable[[], Value]] = {
        "read_csv": lambda: _read_file(walk, args),
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
    if last in _CONSTANT_ARRAYS:
        return whole.marked("trivial")
    if last in ("log", "log1p", "log10", "sqrt", "cbrt"):
        return whole.marked("plain")
    if last in STATISTICS or last in ("argmax", "argmin"):
        return statistic_of(walk, whole, last, args)
    return whole


def _read_file(walk: Walk, args: Sequence[Value]) -> Value:
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


def statistic_of(walk: Walk, base: Value, last: str, args: Sequence[Value]) -> Value:
    """One number of many rows: an error, an accuracy, or a statistic of the data."""
    if base.has("residual"):
        parts = list(base.keys.values()) or [base]
        return join(_residual_metrics(walk, part, last, args) for part in parts)
    if base.has("correct") and last in ("mean", "average"):
        return metric_value(walk, "accuracy_score", base)
    if last in ("argmax", "argmin"):
        return best_of(walk, base, last)
    if base.marks & {"score", "window", "shifted"}:
        return base.derived
    result = base.derived.marked("statistic", *(f"of:{row}" for row in base.rows))
    if base.has("target") and not base.marks & {"prediction", "missing"} and last == "mean":
        order = walk.record("rate", args=(base,))
        result = result.marked(f"rate:{order}")
    return result


def _residual_metrics(walk: Walk, base: Value, last: str, args: Sequence[Value]) -> Value:
    asked = [text for value in args for text in value.strings] or [last]
    if base.has("squared"):
        asked = ["squared" for _ in asked]
    kinds = [_RESIDUAL_KINDS.get(name, "rmse" if name == "squared" else name) for name in asked]
    return join([base, *(metric_value(walk, kind, base) for kind in kinds)])
