"""Variance components against brute force, statsmodels, and planted ones."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from memalign_bench.stats.variance import MAX_ROWS, variance_components


def planted(root, *, cases=6, items=2, seeds=3, repeats=2, **spreads):
    """A balanced design, and its values."""
    draw = np.random.default_rng(root)
    grid = np.indices((cases, items, seeds, repeats)).reshape(4, -1)
    frame = pd.DataFrame(dict(zip(("case", "place", "seed", "repeat"), grid, strict=True)))
    frame["item"] = frame["case"] * items + frame["place"]
    frame["question"] = frame["item"] * seeds + frame["seed"]
    frame["y"] = 0.3 + draw.normal(0, spreads["repeat"], len(frame))
    for name in ("case", "item", "seed", "question"):
        frame["y"] += draw.normal(0, spreads[name], frame[name].max() + 1)[frame[name]]
    return frame


def factors(frame, *names):
    return {name: frame[name] for name in names} | {"rows": np.arange(len(frame))}


KNOWN = {"case": 1.0, "item": 0.7, "seed": 0.5, "question": 0.6, "repeat": 0.4}
NAMES = ("case", "item", "seed", "question")


def test_balanced_data_give_the_analysis_of_variance():
    frame = planted(4, **KNOWN)
    y, c, i, s, r = frame["y"], 6, 2, 3, 2
    grand = y.mean()

    def square(names, size):
        return size * ((frame.groupby(names)["y"].mean() - grand) ** 2).sum()

    # Sums of squares by hand: case, item in case, seed, item by seed, repeat.
    case, seed = square(["case"], i * s * r), square(["seed"], c * i * r)
    item = square(["item"], s * r) - case
    question = square(["item", "seed"], r) - case - item - seed
    rest = ((y - grand) ** 2).sum() - case - item - seed - question
    ms = {
        "case": case / (c - 1), "item": item / (c * (i - 1)), "seed": seed / (s - 1),
        "question": question / ((c * i - 1) * (s - 1)), "rows": rest / (c * i * s * (r - 1)),
    }  # fmt: skip
    by_hand = {
        "case": (ms["case"] - ms["item"]) / (i * s * r),
        "item": (ms["item"] - ms["question"]) / (s * r),
        "seed": (ms["seed"] - ms["question"]) / (c * i * r),
        "question": (ms["question"] - ms["rows"]) / r,
        "rows": ms["rows"],
    }
    assert min(by_hand.values()) > 0
    found = variance_components(y, factors(frame, *NAMES))
    told = {one.name: one.variance for one in found.components}
    assert told == pytest.approx(by_hand, rel=1e-4)
    # The mean over a balanced design varies by each variance over its number of levels.
    levels = {"case": c, "item": c * i, "seed": s, "question": c * i * s, "rows": c * i * s * r}
    squared = sum(by_hand[name] / n for name, n in levels.items())
    assert found.mean_error() == pytest.approx(np.sqrt(squared), rel=1e-4)
    fewer = squared - by_hand["seed"] / (2 * s)
    assert found.mean_error(["seed"]) == pytest.approx(np.sqrt(fewer), rel=1e-4)


def test_unbalanced_data_give_what_statsmodels_gives():
    frame = planted(4, cases=8, **KNOWN).sample(frac=0.7, random_state=0)
    formula = {name: f"0 + C({name})" for name in ("case", "item", "seed")}
    model = MixedLM.from_formula(
        "y ~ 1", frame.assign(all=1), groups="all", vc_formula=formula, re_formula="0"
    )
    theirs = model.fit(reml=True)
    expected = dict(zip(sorted(formula), theirs.vcomp, strict=True)) | {"rows": theirs.scale}
    found = variance_components(frame["y"], factors(frame, "case", "item", "seed"))
    assert {c.name: c.variance for c in found.components} == pytest.approx(expected, rel=0.02)


def test_planted_components_are_found_on_average():
    rooms = [
        variance_components(f["y"], factors(f, *NAMES)).components
        for f in (planted(n, cases=12, seeds=6, **KNOWN) for n in range(60))
    ]
    for place, name in enumerate(KNOWN):
        found = np.array([components[place].variance for components in rooms])
        error = found.std(ddof=1) / np.sqrt(len(found))
        assert abs(found.mean() - KNOWN[name] ** 2) < 3 * error, name


def test_what_cuts_the_rows_alike_is_told_together():
    frame = planted(1, items=1, repeats=1, **KNOWN)
    found = {c.name: c for c in variance_components(frame["y"], factors(frame, *NAMES)).components}
    assert not found["item"].identifiable
    assert found["item"].with_ == "case"
    assert found["rows"].with_ == "question"
    assert found["case"].identifiable
    one_seed = frame[frame["seed"] == 0]
    found = variance_components(one_seed["y"], factors(one_seed, "seed")).components
    assert [(c.identifiable, c.with_, c.n_levels) for c in found] == [
        (False, "", 1), (True, "", 6)
    ]  # fmt: skip


def test_without_variation_nothing_varies():
    frame = planted(1, **KNOWN).assign(y=0.25)
    found = variance_components(frame["y"], factors(frame, *NAMES))
    assert found.mean_error() == 0
    assert all(c.variance == 0 for c in found.components)
    with pytest.raises(ValueError, match="at least two"):
        variance_components([1.0], {"rows": [0]})


def test_of_very_many_rows_a_part_tells_the_variances_and_all_tell_the_mean():
    tried = []
    for root in range(10, 22):
        frame = planted(root, cases=200, items=2, seeds=6, repeats=2, **KNOWN)
        assert len(frame) > MAX_ROWS
        found = variance_components(frame["y"], factors(frame, *NAMES)).components
        tried.append([one.variance for one in found])
        assert found[-1].n_levels == len(frame)
        assert found[0].mean_variance == pytest.approx(found[0].variance / 200)
    planted_variances = [KNOWN[name] ** 2 for name in (*NAMES, "repeat")]
    assert np.mean(tried, axis=0) == pytest.approx(planted_variances, rel=0.2, abs=0.1)


def test_few_large_cases_give_some_of_their_rows():
    frame = planted(2, cases=4, items=10, seeds=20, repeats=2, **KNOWN)
    found = variance_components(frame["y"], factors(frame, *NAMES))
    told = {one.name: one for one in found.components}
    assert told["case"].n_levels == 4
    assert told["rows"].variance == pytest.approx(0.16, rel=0.4)
