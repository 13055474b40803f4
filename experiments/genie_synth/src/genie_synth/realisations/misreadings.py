"""What authors say of their data that the output beside it contradicts."""

from __future__ import annotations

from genie_synth.realisations.findings import number, said, share
from genie_synth.realisations.readings import correlations, group_means, strongest_pair
from genie_synth.sketch.sketch import Sketch

__all__ = [
    "wrong_extent",
    "wrong_group",
    "wrong_missing",
    "wrong_pair",
    "wrong_strongest",
    "wrong_target",
]


def wrong_missing(sketch: Sketch) -> None:
    """Denies gaps that were just counted, or sees some where there are none."""
    case, frame = sketch.case, sketch.frame
    column = next(iter(case.missing), case.numeric[0])
    missing = float(frame[column].isna().mean())
    line = f'print("{column}", $df["{column}"].isna().sum(), "missing of", len($df))'
    sketch.code("explore", line, evidence=line)
    if missing > 0:
        words = f"`{column}` is complete, and so is everything else: nothing is missing here."
    else:
        words = f"About a tenth of `{column}` is missing, as the count above shows."
    said(sketch, terse=words, chatty=f"So: {words[0].lower() + words[1:]}")
    sketch.detail(column=column, number=str(int(frame[column].isna().sum())))


def wrong_strongest(sketch: Sketch) -> None:
    """Names the weakest input as the strongest."""
    case, values = sketch.case, correlations(sketch.frame, sketch.case)
    best, worst = next(iter(values)), list(values)[-1]
    columns = f"{list(case.numeric)!r}".replace("'", '"')
    line = f'print($df[{columns}].corrwith($df["{case.target}"]).round(2).to_dict())'
    sketch.code("explore", line, evidence=line)
    said(
        sketch,
        terse=f"`{worst}` has the strongest relation with `{case.target}`.",
        chatty=f"As we see, `{worst}` is what drives `{case.target}` most of all.",
        formal=f"Of all inputs `{worst}` correlates most strongly with `{case.target}`.",
    )
    sketch.detail(column=worst, number=f"{values[worst]:.2f}", other=best)


def wrong_target(sketch: Sketch) -> None:
    """Describes the distribution of the target as what it is not."""
    case, values = sketch.case, sketch.frame[sketch.case.target]
    name = case.target
    if case.task == "classification":
        ones = float(values.mean())
        line = f'print($df["{name}"].value_counts(normalize=True).round(2).to_dict())'
        words = "the two classes are about equally frequent"
        words = words if case.imbalanced else f"cases with {name} = 1 are very rare"
        sketch.detail(column=name, number=share(ones))
    else:
        mean, median = float(values.mean()), float(values.median())
        line = f'print($df["{name}"].mean(), $df["{name}"].median())'
        near = abs(mean - median) < 0.1 * abs(mean)
        words = f"`{name}` is strongly skewed, its mean far from its median"
        words = words if near else f"mean and median of `{name}` agree, it is symmetric"
        sketch.detail(column=name, number=number(mean))
    sketch.code("explore", line, evidence=line)
    upper = words[0].upper() + words[1:]
    said(sketch, terse=f"{upper}.", chatty=f"Right, {words}.", formal=f"{upper}, as printed.")


def wrong_group(sketch: Sketch) -> None:
    """Names the lowest group as the highest."""
    case = sketch.case
    column = case.nominal[0]
    groups = group_means(sketch.frame, case, column)
    line = f'print($df.groupby("{column}")["{case.target}"].mean().round(3).to_dict())'
    sketch.code("explore", line, evidence=line)
    last, first = groups[-1], groups[0]
    said(
        sketch,
        terse=f"`{case.target}` is highest where `{column}` is {last.level}.",
        chatty=f"Look at {last.level}: nowhere else is `{case.target}` as high.",
        formal=f"Among the levels of `{column}`, {last.level} shows the highest `{case.target}`.",
    )
    sketch.detail(column=column, number=f"{last.mean:.3g}", other=first.level)


def wrong_pair(sketch: Sketch) -> None:
    """Says of two inputs the opposite of their correlation."""
    pair = strongest_pair(sketch.frame, sketch.case)
    assert pair is not None
    line = f'print($df["{pair.first}"].corr($df["{pair.second}"]).round(2))'
    sketch.code("explore", line, evidence=line)
    direct = abs(pair.value) < 0.3
    kind = "move closely together" if direct else "have nothing to do with one another"
    said(
        sketch,
        terse=f"`{pair.first}` and `{pair.second}` {kind}.",
        chatty=f"Good to see that `{pair.first}` and `{pair.second}` {kind}.",
        formal=f"It follows that `{pair.first}` and `{pair.second}` {kind}.",
    )
    sketch.detail(column=pair.second, number=f"{pair.value:.2f}", other=pair.first)


def wrong_extent(sketch: Sketch) -> None:
    """Claims a maximum below the one printed."""
    name = sketch.case.numeric[-1]
    values = sketch.frame[name]
    line = f'print("{name} from", $df["{name}"].min(), "to", $df["{name}"].max())'
    sketch.code("explore", line, evidence=line)
    claimed = number(float(values.quantile(0.6)))
    said(
        sketch,
        terse=f"`{name}` never gets above {claimed}.",
        chatty=f"Fine, `{name}` stays under {claimed} all the way.",
        formal=f"No row has a value of `{name}` larger than {claimed}.",
    )
    sketch.detail(column=name, number=number(float(values.max())))
