import numpy as np
import pandas as pd
from made_report import analysis_of

from memalign_bench.report.numbers.contrasts import CONTRAST_COLUMNS
from memalign_bench.report.sections.specification.tables import numbers, specifications
from memalign_bench.report.sections.specification.tables import table as specification_table
from memalign_bench.study.running.runner import run

WAYS = ["", ",memory.k=2", ",prompt.grades=words", ",memory.k=2,prompt.grades=words"]
GAINS = [0.3, -0.1, 0.2, 0.0, 0.1, 0.4, -0.2, 0.5]


def row(way, reading, gain, **other):
    values = dict.fromkeys(CONTRAST_COLUMNS, None) | {
        "dimension": "q", "metric": "mae", "reading": reading, "variant": f"full,x=1{way}",
        "alignment": "full", "backend": "b", "reference": "none,x=1", "reference_backend": "b",
        "improvement": gain, "low": gain - 0.25, "high": gain + 0.05,
    }  # fmt: skip
    return values | other


def made_contrasts():
    pairs = [(way, reading) for way in WAYS for reading in ("raw", "batch")]
    rows = [row(*pair, gain) for pair, gain in zip(pairs, GAINS, strict=True)]
    rows += [row("", "raw", 0.9, alignment="semantic", variant="semantic")]  # one way: no curve
    rows += [row(f",n_train={n}", "raw", 0.9) for n in (4, 8)]  # no way of asking
    rows += [row("", "raw", 0.9, backend="c")]  # held against another backend
    rows += [row("", "raw", 0.9, backend="none", reference_backend="b", alignment="ridge")]
    return pd.DataFrame(rows, columns=list(CONTRAST_COLUMNS))


def test_ways_are_sorted_and_the_headline_is_the_usual_way_in_the_studys_reading():
    found = specifications(made_contrasts(), "batch")
    assert found["improvement"].tolist() == sorted(GAINS)
    assert set(found["alignment"]) == {"full"}
    assert found["settings"].map(len).max() == 2  # x=1, which all share, tells nothing apart
    [headline] = found[found["headline"]].to_dict("records")
    assert (headline["settings"], headline["reading"], headline["improvement"]) == (
        (),
        "batch",
        -0.1,
    )


def test_ways_that_agree_are_counted(spec_of):
    spec = spec_of("alignment=none", "scoring=logprob", "limit=24")
    run(spec)
    made = {"contrasts": made_contrasts()}
    [line] = numbers(analysis_of(spec.study_dir, "none"), made).to_dict("records")
    assert (line["n_specifications"], line["n_better"], line["n_worse"]) == (8, 5, 2)
    assert line["share_better"] == 5 / 8
    assert line["n_better_interval"] == 3  # 0.3, 0.4, 0.5, less 0.25
    assert line["n_worse_interval"] == 2  # -0.2 and -0.1, plus 0.05
    assert line["median"] == np.median(GAINS)
    assert (line["headline"], line["least"], line["most"]) == (0.3, -0.2, 0.5)


def test_a_study_with_few_ways_has_no_curve(spec_of):
    for name in ("none", "full"):
        spec = spec_of(f"alignment={name}", "scoring=logprob", "limit=24")
        run(spec)
    few = {"contrasts": made_contrasts().iloc[:7]}
    assert len(numbers(analysis_of(spec.study_dir), few)) == 0


def test_a_way_without_answers_is_no_way(spec_of):
    spec = spec_of("alignment=none", "scoring=logprob", "limit=24")
    run(spec)
    table = made_contrasts()
    mute = row(",memory.k=8", "raw", -1.5, low=None, high=None)
    mute["note"] = "exploratory; full gave no answer: the difference is made of silence"
    made = {"contrasts": pd.concat([table, pd.DataFrame([mute])], ignore_index=True)}
    analysis = analysis_of(spec.study_dir, "none")
    frame = numbers(analysis, made)
    [line] = frame.to_dict("records")
    assert (line["n_specifications"], line["least"]) == (8, -0.2)
    assert "no answer: full,x=1,memory.k=8." in specification_table(analysis, frame).notes[-1]
