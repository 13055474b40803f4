"""What choosing costs and buys: a judge's MAE estimated from n chosen labels, by way of choosing.

    python experiments/loop/label_choice.py results/backends_section results/feedbackqa_section

Replays committed records; no model is asked. A choice sees what the study's judges said and, for
diversity, the views; never a label. Then the labels of the chosen items are looked up, and the mean
error of one judge on them is set against its mean error on all items. Ties, and what is random, are
drawn 200 times. Where a study's texts are private there is nothing for diversity to read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from memalign_bench.loop.labelling.choosing import (
    DisagreementChoice,
    DiversityChoice,
    Pool,
    RandomChoice,
    UncertaintyChoice,
)
from memalign_bench.loop.labelling.opinions import opinions_of_rows
from memalign_bench.memory.embedders import TfidfEmbedder
from memalign_bench.report.numbers.frames import StudyFrames, load_study, rows_of

JUDGE = ("none", "embedded")
SIZES = (10, 20, 40)
DRAWS = 200
SEEDLESS = ("diversity",)  # two embedders' ties are rare: drawn once


def estimates(frames: StudyFrames, dimension: str) -> Iterator[dict[str, object]]:
    """Rows of one dimension: estimate minus truth, by choice and number of labels."""
    rows = frames.predictions
    rows = rows[(rows["dimension"] == dimension) & (rows["backend"] != "none")]
    judge = rows["variant"] + " on " + rows["backend"]
    told = rows.assign(judge=judge, expected=rows["judge_expected"].astype("float64"))
    own = told[(told["variant"] == JUDGE[0]) & (told["backend"] == JUDGE[1])]
    graded = own[own["judge_score_raw"].notna() & own["expert_score"].notna()]
    wrong = (graded["judge_score_raw"] - graded["expert_score"]).abs().astype("float64")
    error = wrong.groupby(graded["item_id"]).mean()
    said = opinions_of_rows(rows_of(told))[dimension]
    alone = {i: {k: v for k, v in by.items() if k == " on ".join(JUDGE)} for i, by in said.items()}
    views = frames.items[frames.items["dimension"] == dimension].set_index("item_id")["view"]
    texts = {name: str(text) for name, text in views.items()}
    ways = [RandomChoice(), DisagreementChoice(), UncertaintyChoice()]
    ways += (
        [DiversityChoice(TfidfEmbedder())] if all(texts.get(name) for name in error.index) else []
    )
    for way in ways:
        opinions = alone if way.name == "uncertainty" else said
        for n in (size for size in SIZES if size < len(error)):
            draws = range(1 if way.name in SEEDLESS else DRAWS)
            pools = (
                Pool(dimension, tuple(error.index), (), opinions, texts, seed) for seed in draws
            )
            off = [error[way.ranked(pool, n)].mean() - error.mean() for pool in pools]
            yield {
                "dimension": dimension,
                "select": way.name,
                "n": n,
                "truth": error.mean(),
                "bias": np.mean(off),
                "off": np.mean(np.abs(off)),
            }


def main() -> None:
    """Print, for each study, the mean over dimensions."""
    for path in map(Path, sys.argv[1:]):
        frames = load_study(path)
        rows = [row for name in frames.dimensions for row in estimates(frames, name)]
        table = pd.DataFrame(rows).groupby(["select", "n"], sort=False)[["truth", "bias", "off"]]
        sys.stdout.write(f"{path.name}: {len(frames.dimensions)} dimensions, {JUDGE}\n")
        sys.stdout.write(f"{table.mean().round(3).to_string()}\n")


if __name__ == "__main__":
    main()
