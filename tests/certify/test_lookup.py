import math
from pathlib import Path

import numpy as np
import pytest

from memalign_bench.certify import lookup
from memalign_bench.certify.lookup import PRINTED_FROM, certificate, shipped_table
from memalign_bench.certify.simulation import HEADLINE

ROOT = Path(__file__).parents[2]


def test_the_table_that_ships_is_the_one_that_was_committed() -> None:
    shipped = ROOT / "src/memalign_bench/certify/coverage.csv"
    assert shipped.read_bytes() == (ROOT / "results/certify/coverage.csv").read_bytes()


@pytest.fixture
def table(monkeypatch):
    """A table made by hand: coverages by regime, at 12 and 25 cases and from 0 and 6 changed on."""
    import pandas as pd

    rows = [
        ("even", 12, 0, 0.95), ("unchanged_68", 12, 0, 0.93), ("unchanged_68", 12, 6, 0.96),
        ("unchanged_88", 12, 0, 0.97), ("rare_skewed", 12, 0, 0.80), ("unequal_cases", 12, 0, 0.92),
        ("unequal_cases", 12, 6, 0.945), ("three_seeds", 12, 0, 0.95), ("even", 25, 0, 0.955),
        ("three_seeds", 25, 0, 0.94),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["regime", "n_cases", "least_changed", "coverage"])
    frame = frame.assign(quantity="improvement", method="sign_flips", target="memories",
                         coverage_error=0.005, draws=1000, effect="some")  # fmt: skip
    frame.loc[frame["regime"] == "rare_skewed", "draws"] = 99
    monkeypatch.setattr(lookup, "shipped_table", lambda: frame)
    return frame


@pytest.mark.usefixtures("table")
def test_the_regime_is_the_nearest_that_changes_no_more() -> None:
    assert certificate("improvement", 15, share_unchanged=0.3).regimes == ("even",)
    assert certificate("improvement", 15, share_unchanged=0.3).n_cases == 12
    assert certificate("improvement", 26, share_unchanged=0.4).coverage == 0.955
    assert certificate("improvement", 12, share_unchanged=0.5).regimes == ("unchanged_68",)


@pytest.mark.usefixtures("table")
def test_too_few_changed_cases_print_no_interval() -> None:
    enough = certificate("improvement", 12, share_unchanged=0.5, n_changed=7)
    assert enough.printed
    assert (enough.least_changed, enough.coverage) == (6, 0.96)
    few = certificate("improvement", 12, share_unchanged=0.5, n_changed=5)
    assert not few.printed
    assert few.reason == (
        "5 cases changed; in simulated studies like this one (12 cases, unchanged_68) the 95 %"
        " interval covers 94% only where 6 or more do"
    )
    unequal = certificate("improvement", 12, share_unchanged=0.4, unequal=True)
    assert (unequal.least_changed, unequal.coverage) == (6, 0.945)


def test_a_regime_that_never_covers_enough_prints_none(table) -> None:
    table.loc[table["regime"] == "unchanged_68", "coverage"] = 0.9
    found = certificate("improvement", 12, share_unchanged=0.5, n_changed=12)
    assert not found.printed
    assert "(12 cases, unchanged_68) the 95 % interval covers 90.0%, under 94%" in found.reason


@pytest.mark.usefixtures("table")
def test_the_least_coverage_of_all_regimes_that_hold_counts() -> None:
    found = certificate("improvement", 12, share_unchanged=0.5, n_changed=6, unequal=True)
    assert found.regimes == ("unchanged_68", "unequal_cases")
    assert (found.coverage, found.printed) == (0.945, True)  # 6 changed: .96 and .945
    seeds = certificate("improvement", 29, share_unchanged=0.1, n_seeds=3)
    assert (seeds.coverage, seeds.regimes) == (0.94, ("even", "three_seeds"))


@pytest.mark.usefixtures("table")
def test_what_was_not_simulated_is_not_certified() -> None:
    few = certificate("improvement", 11, share_unchanged=0.1)
    assert (few.printed, few.reason) == (
        False,
        "11 cases; intervals are certified from 12 cases on",
    )
    assert math.isnan(few.coverage)
    rare = certificate("improvement", 12, share_unchanged=0.99)
    assert rare.regimes == ("rare_skewed",)
    assert rare.reason == "no simulated study of 12 cases is like it"
    with pytest.raises(ValueError, match="quantity='kappa' is not certified"):
        certificate("kappa", 20)
    with pytest.raises(ValueError, match="method='bca' is not certified"):
        certificate("improvement", 20, method="bca")


@pytest.mark.parametrize("quantity", sorted(HEADLINE))
def test_every_quantity_has_its_certificate_in_the_shipped_table(quantity) -> None:
    found = certificate(quantity, 25, share_unchanged=0.5 if quantity == "improvement" else None)
    assert 0.8 < found.coverage <= 1
    assert found.error < 0.02
    assert found.printed == (found.coverage + found.error >= PRINTED_FROM)


def test_the_sign_flip_test_has_its_size_wherever_gains_are_symmetric() -> None:
    table = shipped_table()
    rows = table[(table["quantity"] == "improvement") & (table["method"] == "sign_flips")]
    rows = rows[(rows["effect"] == "none") & (rows["least_changed"] == 0)]
    rows = rows[~rows["regime"].isin(["rare_skewed"])]
    error = np.sqrt(0.05 * 0.95 / rows["draws"])
    assert (rows["rejects"] <= 0.05 + 4 * error).all()
