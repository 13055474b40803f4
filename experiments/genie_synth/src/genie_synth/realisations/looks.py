"""Ways of looking at a table: printed, tabulated, plotted; each with or without target and gaps."""

from __future__ import annotations

from genie_synth.sketch.sketch import Sketch

__all__ = [
    "all_printed",
    "column_loop",
    "is_class",
    "overview",
    "pandas_plots",
    "scatter_and_gaps",
    "seaborn_plots",
    "tables_apart",
    "two_axes",
]


def tables_apart(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """One table a cell."""
    name = sketch.case.target
    sketch.code("explore", "$df.describe().round(2)")
    if missing:
        line = "$df.isna().mean().sort_values(ascending=False).head(5)"
        sketch.code("explore", line, evidence=line)
    if target:
        kind = ".value_counts(normalize=True)" if is_class(sketch) else ".describe()"
        sketch.code("explore", f'$df["{name}"]{kind}', evidence=f'$df["{name}"]{kind}')


def all_printed(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """All in one cell, printed."""
    name, lines, shown = sketch.case.target, ["print($df.dtypes.value_counts())"], []
    if missing:
        shown.append('print("missing:", $df.isna().sum().to_dict())')
    if target:
        kind = "value_counts()" if is_class(sketch) else "quantile([0, 0.25, 0.5, 0.75, 1])"
        shown.append(f'print("{name}:", $df["{name}"].{kind}.to_dict())')
    sketch.code("explore", "\n".join(lines + shown), evidence=shown)


def two_axes(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """Two plots side by side with matplotlib."""
    sketch.need("import matplotlib.pyplot as plt")
    name, lines, shown = sketch.case.target, ["fig, ax = plt.subplots(1, 2, figsize=(8, 3))"], []
    if target:
        shown.append(f'ax[0].hist($df["{name}"].dropna(), bins=20)')
    if missing:
        shown.append("ax[1].bar($df.columns, $df.isna().sum())")
    lines += [*shown, 'ax[1].tick_params(axis="x", rotation=90)', "plt.tight_layout()"]
    sketch.code("explore", "\n".join(lines), evidence=shown)


def pandas_plots(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """Plots straight from pandas."""
    sketch.need("import matplotlib.pyplot as plt")
    case = sketch.case
    column = case.numeric[0]
    sketch.code("explore", f'$df["{column}"].plot.hist(bins=25, title="{column}")\nplt.show()')
    if target:
        line = f'$df["{case.target}"].plot(kind="hist", bins=20)'
        if case.time_index:
            line = f'$df.plot(x="{case.time_index}", y="{case.target}", figsize=(8, 3))'
        sketch.code("explore", f"{line}\nplt.show()", evidence=line)
    if missing:
        line = '$df.isna().sum().plot.barh(title="missing values")'
        sketch.code("explore", f"{line}\nplt.show()", evidence=line)


def overview(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """A table of columns made by hand."""
    sketch.need("import pandas as pd")
    parts = ['"dtype": $df.dtypes', '"distinct": $df.nunique()']
    gap = '"missing": $df.isnull().sum()'
    parts += [gap] if missing else []
    body = ",\n    ".join(parts)
    source = f"overview = pd.DataFrame({{\n    {body},\n}})\noverview"
    sketch.code("explore", source, evidence=gap if missing else ())
    if target:
        name = sketch.case.target
        kind = "mean(), 3" if is_class(sketch) else "std(), 1"
        line = f'print("{name}", round($df["{name}"].{kind}), $df["{name}"].nunique())'
        sketch.code("explore", line, evidence=line)


def column_loop(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """A loop over the columns."""
    name = sketch.case.target
    gap = 'print(col, $df[col].nunique(), "distinct,", $df[col].isnull().sum(), "empty")'
    line = gap if missing else 'print(col, $df[col].dtype, $df[col].nunique(), "distinct")'
    sketch.code("explore", f"for col in $df.columns:\n    {line}", evidence=gap if missing else ())
    if target:
        first = (sketch.case.nominal or (None,))[0]
        line = (
            f'$df.groupby("{first}")["{name}"].agg(["mean", "count"]).round(3)'
            if first
            else f'$df["{name}"].agg(["mean", "median", "min", "max"])'
        )
        sketch.code("explore", line, evidence=line)


def seaborn_plots(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """Seaborn: the target, then a map of the gaps."""
    sketch.need("import seaborn as sns", "import matplotlib.pyplot as plt")
    name = sketch.case.target
    if target:
        line = f'sns.histplot(data=$df, x="{name}", bins=25)'
        sketch.code("explore", f"{line}\nplt.show()", evidence=line)
    if missing:
        line = "sns.heatmap($df.isnull(), cbar=False, yticklabels=False)"
        sketch.code("explore", f"{line}\nplt.show()", evidence=line)


def scatter_and_gaps(sketch: Sketch, *, target: bool = True, missing: bool = True) -> None:
    """An input against the target, and a line with the gaps."""
    sketch.need("import matplotlib.pyplot as plt")
    case = sketch.case
    if target:
        line = f'plt.scatter($df["{case.numeric[0]}"], $df["{case.target}"], s=6, alpha=0.5)'
        tail_ = f'plt.xlabel("{case.numeric[0]}")\nplt.ylabel("{case.target}")\nplt.show()'
        sketch.code("explore", f"{line}\n{tail_}", evidence=line)
    if missing:
        line = "$df.isnull().sum().loc[lambda s: s > 0]"
        sketch.code("explore", line, evidence=line)


def is_class(sketch: Sketch) -> bool:
    """Whether the target is a class."""
    return sketch.case.task == "classification"
