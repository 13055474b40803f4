"""More ways of looking at data in the reported corpus, and what is rightly or wrongly seen."""

from __future__ import annotations

from collections.abc import Callable

from genie_synth.realisations.findings import early_stretch, number, outlying_rows, said, weak
from genie_synth.realisations.looks import is_class
from genie_synth.realisations.parts.exploratory_data_analysis import (
    GOOD,
    TARGET_AND_MISSING,
    WRONG,
    entry,
    finding,
    misread,
    only,
    plain,
    rows_free,
    timed,
)
from genie_synth.realisations.seed0.exploratory_data_analysis import has_weak
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import add_columns

__all__ = ["REALISATIONS"]

# --- looks ---------------------------------------------------------------------------------------


def _counted(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """Counts in one line a question."""
    name = sketch.case.target
    lines = ["print($df.nunique().to_dict())"]
    if missing:
        lines.append('print("holes", $df.isna().sum().sum(), "in", $df.isna().any(axis=1).sum())')
    if target:
        kind = "mean()" if is_class(sketch) else "median()"
        lines.append(f'print("{name}", round($df["{name}"].{kind}, 3))')
    sketch.code("explore", "\n".join(lines), evidence=lines[1:])


def _boxes(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """Boxes of the inputs, the target by itself, and the holes as bars."""
    sketch.need("import matplotlib.pyplot as plt")
    name = sketch.case.target
    columns = f"{list(sketch.case.numeric[:3])!r}".replace("'", '"')
    sketch.code("explore", f"$df[{columns}].plot.box(subplots=True)\nplt.show()")
    if target:
        line = f'$df["{name}"].plot.hist(bins=15, title="{name}")'
        sketch.code("explore", f"{line}\nplt.show()", evidence=line)
    if missing:
        line = "$df.isna().mean().plot.bar()"
        sketch.code("explore", f"{line}\nplt.show()", evidence=line)


def _quantiles(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """Deciles of everything numeric, and the holes beside them."""
    name = sketch.case.target
    line = "$df.select_dtypes('number').quantile([0.1, 0.5, 0.9]).T"
    sketch.code("explore", line, evidence=line if target else ())
    if missing:
        line = '$df.count().rsub(len($df)).rename("holes")'
        sketch.code("explore", line, evidence=line)
    sketch.detail(column=name)


# --- findings ------------------------------------------------------------------------------------


def _skewed(case: Case) -> str | None:
    """A complete, positive input with a long right tail."""
    frame = case.data()
    for column in case.numeric:
        values = frame[column]
        whole = not values.isna().any() and float(values.min()) >= 0 and values.nunique() > 12
        if whole and float(values.astype(float).skew()) > 0.8:  # type: ignore[arg-type]
            return column
    return None


def _has_skewed(case: Case) -> bool:
    return _skewed(case) is not None and case.time_index is None


def _long_tail(sketch: Sketch, act: bool) -> None:
    """An input whose mean is far above its median; its logarithm is used instead."""
    column = str(_skewed(sketch.case))
    values = sketch.frame[column]
    mean, median = number(float(values.mean())), number(float(values.median()))
    sketch.code("explore", f'$df["{column}"].agg(["mean", "median", "skew"]).round(2)')
    ends = ("Logged below.", "I take the logarithm.", "Its logarithm is used instead.")
    ends = ends if act else ("", "", "")
    said(
        sketch,
        terse=f"`{column}` has a long tail: mean {mean}, median {median}. {ends[0]}".strip(),
        chatty=f"A few large values pull `{column}` up, its mean is {mean} but half of the rows"
        f" stay below {median}. {ends[1]}".strip(),
        formal=f"The mean of `{column}` ({mean}) lies well above its median ({median})."
        f" {ends[2]}".strip(),
    )
    sketch.detail(column=column, number=mean)
    if act:
        sketch.need("import numpy as np")
        sketch.state["numeric"] = [
            f"log_{column}" if name == column else name for name in sketch.state["numeric"]
        ]
        add_columns(sketch, "clean", [f'{{d}}["log_{column}"] = np.log1p({{d}}["{column}"])'])


def _has_levels(case: Case) -> bool:
    return bool(case.nominal) and case.time_index is None


def _rarest(sketch: Sketch, act: bool) -> None:
    """The least frequent level of a nominal column, joined with the others of its kind."""
    column = sketch.case.nominal[0]
    counts = sketch.frame[column].value_counts()
    level, n = str(counts.index[-1]), int(counts.iloc[-1])
    sketch.code("explore", f'$df["{column}"].value_counts()')
    ends = ("Joined with the next one.", "I lump it in with the next.", "It is merged below.")
    ends = ends if act else ("", "", "")
    said(
        sketch,
        terse=f"`{column}`: {level} is rarest, {n} rows. {ends[0]}".strip(),
        chatty=f"Only {n} rows have `{column}` {level}, fewer than any other. {ends[1]}".strip(),
        formal=f"The level {level} of `{column}` is the least frequent with {n} of"
        f" {len(sketch.frame)} rows. {ends[2]}".strip(),
    )
    sketch.detail(column=column, number=str(n))
    if act:
        other = str(counts.index[-2])
        line = f'{{d}}["{column}"] = {{d}}["{column}"].replace("{level}", "{other}")'
        add_columns(sketch, "clean", [line])


# --- misreadings ---------------------------------------------------------------------------------


def _wrong_level(sketch: Sketch) -> None:
    """Calls the rarest level the most frequent."""
    column = sketch.case.nominal[0]
    counts = sketch.frame[column].value_counts()
    level, n = str(counts.index[-1]), int(counts.iloc[-1])
    line = f'print($df["{column}"].value_counts().to_dict())'
    sketch.code("explore", line, evidence=line)
    said(
        sketch,
        terse=f"Most rows have `{column}` {level}.",
        chatty=f"No surprise, `{column}` is mostly {level}.",
        formal=f"The most frequent level of `{column}` is {level}.",
    )
    sketch.detail(column=column, number=str(n), other=str(counts.index[0]))


def _wrong_middle(sketch: Sketch) -> None:
    """Says that half of the rows lie above the upper decile."""
    name = sketch.case.numeric[0]
    values = sketch.frame[name].dropna()
    line = f'print($df["{name}"].quantile([0.1, 0.5, 0.9]).to_dict())'
    sketch.code("explore", line, evidence=line)
    high = number(float(values.quantile(0.9)))
    said(
        sketch,
        terse=f"Half of the rows have `{name}` above {high}.",
        chatty=f"So every second row is above {high} in `{name}`.",
        formal=f"The typical value of `{name}` exceeds {high}.",
    )
    sketch.detail(column=name, number=high)


def _wrong_halves(sketch: Sketch) -> None:
    """Says the opposite of how the two halves of a series compare."""
    name, half = sketch.case.target, len(sketch.frame) // 2
    early = float(sketch.frame[name].iloc[:half].mean())
    late = float(sketch.frame[name].iloc[half:].mean())
    line = f'print([round($df["{name}"].iloc[part].mean(), 2) for part in halves])'
    halves = f"halves = (slice(None, {half}), slice({half}, None))"
    sketch.code("explore", f"{halves}\n{line}", evidence=line)
    word = "fell" if late > early else "rose"
    said(
        sketch,
        terse=f"`{name}` {word} from the first half to the second.",
        chatty=f"Interesting, `{name}` clearly {word} over time.",
        formal=f"Between the halves of the record, the mean of `{name}` {word}.",
    )
    sketch.detail(column=name, number=number(late))


def _anything(case: Case) -> bool:
    return bool(case.numeric)


Suits = Callable[[Case], bool]


NOTED = {**GOOD, "acted_on": False}


REALISATIONS = (
    # --- good
    entry("long_tail_logged", finding(_counted, _long_tail), _has_skewed, **GOOD),
    entry(
        "long_tail_in_boxes",
        finding(_boxes, _long_tail),
        _has_skewed,
        depth="plots",
        **GOOD,
    ),
    entry("rarest_level_joined", finding(_quantiles, _rarest), _has_levels, **GOOD),
    entry("weak_column_after_counts", finding(_counted, weak), has_weak, **GOOD),
    entry(
        "outliers_seen_in_boxes",
        finding(_boxes, outlying_rows),
        rows_free,
        depth="plots",
        **GOOD,
    ),
    entry("early_stretch_counted", finding(_counted, early_stretch), timed, **GOOD),
    entry("early_stretch_quantiles", finding(_quantiles, early_stretch), timed, **GOOD),
    # --- average
    entry("boxes_only", plain(_boxes), depth="plots", **TARGET_AND_MISSING),
    entry("counts_only", plain(_counted), **TARGET_AND_MISSING),
    entry("quantiles_only", plain(_quantiles), **TARGET_AND_MISSING),
    entry(
        "long_tail_noted",
        finding(_quantiles, _long_tail, act=False),
        _has_skewed,
        **NOTED,
    ),
    entry(
        "rarest_level_without_holes",
        finding(_counted, _rarest, missing=False),
        _has_levels,
        **{**GOOD, "missing_looked": False},
    ),
    entry("early_stretch_noted", finding(_boxes, early_stretch, act=False), timed, **NOTED),
    # --- bad
    entry("tail_only", only("$df.tail(8)"), depth="head"),
    entry("quartiles_only", only("$df.describe(percentiles=[0.5]).round(1)"), depth="describe"),
    entry(
        "level_misread",
        misread(_counted, _wrong_level),
        lambda case: bool(case.nominal),
        **WRONG,
    ),
    entry("middle_misread", misread(_quantiles, _wrong_middle), _anything, **WRONG),
    entry("halves_misread", misread(_boxes, _wrong_halves), timed, depth="plots", **WRONG),
    entry("first_rows_turned", only("$df.head(3).T"), depth="head"),
)
