"""What authors say of their data, and what follows from it: true findings and misreadings."""

from __future__ import annotations

from genie_synth.realisations.readings import (
    correlations,
    few_valued,
    free_columns,
    rounded,
    start_of_series,
    tail,
)
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import add_columns

__all__ = [
    "codes",
    "early_stretch",
    "number",
    "outlying_rows",
    "recent_part",
    "said",
    "share",
    "target_tail",
    "usual_range",
    "weak",
]


def said(sketch: Sketch, **by_voice: str) -> None:
    """A finding in this author's voice; its first sentence is evidence."""
    words = by_voice.get(sketch.style.voice) or by_voice["terse"]
    sketch.text("explore", words, evidence=words, role="finding")


def number(value: float) -> str:
    """A value to three digits."""
    return f"{rounded(value, 3):g}"


def share(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:.0f} %" if value >= 0.095 else f"{100 * value:.1f} %"


def _drop_column(sketch: Sketch, column: str) -> None:
    sketch.state["numeric"] = [c for c in sketch.state["numeric"] if c != column]
    line = f'$df = $df.drop(columns=["{column}"])'
    sketch.code("clean", line, evidence=line)


def weak(sketch: Sketch, act: bool) -> None:
    """The input that hardly moves with the target."""
    case, values = sketch.case, correlations(sketch.frame, sketch.case)
    free = [column for column in values if column in free_columns(case)]
    column = min(free, key=lambda name: abs(values[name]))
    best, r = next(iter(values)), values[column]
    source = f'$df[{list(case.numeric)!r}].corrwith($df["{case.target}"]).round(3)'
    sketch.code("explore", source.replace("'", '"'))
    follow = ("Left out below.", "I take it out before modelling.", "It is therefore removed.")
    ends = follow if act else ("", "Good to know.", "This is noted here.")
    said(
        sketch,
        terse=f"`{column}` hardly moves with `{case.target}` (r = {r:.2f}); `{best}` moves most"
        f" ({values[best]:.2f}). {ends[0]}".strip(),
        chatty=f"Interesting: `{best}` is the one that matters ({values[best]:.2f}), while"
        f" `{column}` tells us next to nothing ({r:.2f}). {ends[1]}",
        formal=f"The correlation of `{column}` with `{case.target}` is {r:.2f}, the smallest of all"
        f" inputs; that of `{best}` is {values[best]:.2f}. {ends[2]}",
    )
    sketch.detail(column=column, number=f"{r:.2f}")
    if act:
        _drop_column(sketch, column)


def outlying_rows(sketch: Sketch, act: bool) -> None:
    """Rows far above the rest in one input."""
    case = sketch.case
    options = [tail(sketch.frame, column) for column in case.numeric]
    most = max(options, key=lambda found: found.largest / found.limit if found.limit > 0 else 0)
    column, limit = most.column, number(most.limit)
    sketch.code("explore", f'$df["{column}"].nlargest(8)')
    ends = ("Dropped below.", "Those rows go.", "They are excluded in the next step.")
    ends = ends if act else ("", "", "")
    said(
        sketch,
        terse=f"{most.n_above} rows have `{column}` above {limit}, up to {number(most.largest)}."
        f" {ends[0]}".strip(),
        chatty=f"A few rows stick out: `{column}` goes up to {number(most.largest)}, and only"
        f" {most.n_above} of them are over {limit}. {ends[1]}".strip(),
        formal=f"`{column}` exceeds {limit} in {most.n_above} of {len(sketch.frame)} rows (largest"
        f" {number(most.largest)}). {ends[2]}".strip(),
    )
    sketch.detail(column=column, number=limit)
    if act:
        line = f'$df = $df[~($df["{column}"] > {limit})].reset_index(drop=True)'
        sketch.code("clean", line, evidence=line)


def target_tail(sketch: Sketch, act: bool) -> None:
    """A few targets far above the rest."""
    name = sketch.case.target
    most = tail(sketch.frame, name)
    limit = number(most.limit)
    ends = ("Left out.", "I leave them out.", "These rows are set aside.") if act else ("", "", "")
    said(
        sketch,
        terse=f"`{name}` has a tail: {most.n_above} values above {limit}, the largest"
        f" {number(most.largest)}. {ends[0]}".strip(),
        chatty=f"Most of `{name}` is well behaved, but {most.n_above} rows lie above {limit} and"
        f" would pull the fit their way. {ends[1]}".strip(),
        formal=f"The largest values of `{name}` reach {number(most.largest)}; {most.n_above} rows"
        f" exceed {limit}. {ends[2]}".strip(),
    )
    sketch.detail(column=name, number=limit)
    if act:
        line = f'$df = $df[$df["{name}"] <= {limit}].reset_index(drop=True)'
        sketch.code("clean", line, evidence=line)


def early_stretch(sketch: Sketch, act: bool) -> None:
    """The first weeks of a series run at another level."""
    case = sketch.case
    found = start_of_series(sketch.frame, case)
    early, later = number(found.early), number(found.later)
    ends = ("Starts there below.", "I start after that.", "The analysis begins on that day.")
    ends = ends if act else ("", "", "")
    said(
        sketch,
        terse=f"Mean `{case.target}` is {early} before {found.date} and {later} from then on."
        f" {ends[0]}".strip(),
        chatty=f"The beginning looks different: {early} on average up to {found.date}, {later}"
        f" afterwards. {ends[1]}".strip(),
        formal=f"Until {found.date} the mean of `{case.target}` is {early}, against {later} over"
        f" the rest of the record. {ends[2]}".strip(),
    )
    sketch.detail(column=case.target, number=found.date)
    if act:
        line = f'$df = $df[$df["{case.time_index}"] >= "{found.date}"].reset_index(drop=True)'
        sketch.code("clean", line, evidence=line)


def usual_range(sketch: Sketch, act: bool) -> None:
    """Rows outside the usual range of one input."""
    case = sketch.case
    column = str(sketch.frame[list(case.numeric)].std().idxmax())
    values = sketch.frame[column].dropna()
    low, high = (rounded(float(values.quantile(q)), 2) for q in (0.002, 0.998))
    outside = int((~values.between(low, high)).sum())
    sketch.code("explore", f'$df["{column}"].quantile([0.002, 0.5, 0.998])')
    ends = (
        "Only the others are kept.",
        "I only keep what's inside.",
        "The model is restricted to it.",
    )
    ends = ends if act else ("", "", "")
    said(
        sketch,
        terse=f"`{column}` lies between {low:g} and {high:g} but for {outside} rows. {ends[0]}",
        chatty=f"Nearly everything has `{column}` from {low:g} to {high:g}, {outside} rows do not."
        f" {ends[1]}".strip(),
        formal=f"The usual range of `{column}` is {low:g} to {high:g}; {outside} of"
        f" {len(sketch.frame)} rows fall outside. {ends[2]}".strip(),
    )
    sketch.detail(column=column, number=f"{high:g}")
    if act:
        inside = f'$df["{column}"].isna() | $df["{column}"].between({low:g}, {high:g})'
        line = f"$df = $df.loc[{inside}].copy()"
        sketch.code("clean", line, evidence=line)


def codes(sketch: Sketch, act: bool) -> None:
    """A numeric column that holds a few codes."""
    column = few_valued(sketch.frame, sketch.case)
    assert column is not None
    levels = sorted(sketch.frame[column].unique())
    listed = ", ".join(f"{level:g}" for level in levels)
    ends = ("Treated as a category.", "I'll make it a category.", "It is handled as nominal.")
    ends = ends if act else ("", "", "")
    sketch.code("explore", f'$df.groupby("{column}")["{sketch.case.target}"].mean().round(3)')
    said(
        sketch,
        terse=f"`{column}` has {len(levels)} values only ({listed}). {ends[0]}".strip(),
        chatty=f"`{column}` looks numeric but is really {len(levels)} groups ({listed})."
        f" {ends[1]}".strip(),
        formal=f"The values of `{column}` are {listed}: steps rather than a measurement."
        f" {ends[2]}".strip(),
    )
    sketch.detail(column=column, number=str(len(levels)))
    if act:
        sketch.state["numeric"] = [c for c in sketch.state["numeric"] if c != column]
        sketch.state["nominal"] = [*sketch.state["nominal"], column]
        add_columns(sketch, "clean", [f'{{d}}["{column}"] = {{d}}["{column}"].astype(str)'])


def recent_part(sketch: Sketch, act: bool) -> None:
    """The older part of a series is left aside."""
    case = sketch.case
    found = start_of_series(sketch.frame, case, share=0.1)
    kept = len(sketch.frame) - found.n_rows
    early, later = number(found.early), number(found.later)
    ends = (f"The last {kept} rows are used.", f"I go on with the last {kept} rows.", "")
    ends = (ends[0], ends[1], f"Only the latest {kept} rows are used.") if act else ("", "", "")
    said(
        sketch,
        terse=f"First tenth: {early} on average, then {later}. {ends[0]}".strip(),
        chatty=f"`{case.target}` averages {early} in the first tenth and {later} later on; not"
        f" quite the same regime. {ends[1]}".strip(),
        formal=f"The average of `{case.target}` moves from {early} in the first tenth of the record"
        f" to {later}. {ends[2]}".strip(),
    )
    sketch.detail(column=case.target, number=str(kept))
    if act:
        line = f'$df = $df.sort_values("{case.time_index}").tail({kept}).reset_index(drop=True)'
        sketch.code("clean", line, evidence=line)
