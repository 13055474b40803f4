"""The paper's page on certification: what intervals and tests hold in simulated studies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memalign_bench.certify.design import N_CASES
from memalign_bench.certify.errors import UNCHANGED
from memalign_bench.certify.lookup import PRINTED_FROM, Certificate, certificate, shipped_table
from memalign_bench.certify.simulation import HEADLINE
from memalign_bench.certify.tables import TITLES
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.prose import typographic
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["certification"]

_METHODS = {
    "sign_flips": "inverted sign flips",
    "logit_t": "logit-t",
    "jackknife_t": "jackknife-t",
    "percentile_reread": "percentiles, read anew",
}
_REGIMES = {
    "even": "even gains",
    "rare_skewed": "rare and skewed",
    "unequal_cases": "unequal cases",
    "three_seeds": "three fold seeds",
}
_LEARNING = "memories"
_SIZES = (N_CASES[0], 25, N_CASES[-1])
_STUDY_KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {"share_unchanged": share}) for name, share in UNCHANGED.items()),
    # Both were simulated with the gains of `unchanged_68`, so a study like them has its share.
    ("unequal_cases", {"share_unchanged": UNCHANGED["unchanged_68"], "unequal": True}),
    ("three_seeds", {"share_unchanged": UNCHANGED["unchanged_68"], "n_seeds": 3}),
)
"""Simulated regime -> the properties of a study that is certified by it."""


def certification() -> dict[str, Any]:
    """Coverage, size and power of what tables show, and where they show an interval at all.

    All of it from the table of `memalign-bench certify` that ships with the package.
    """
    table = shipped_table()
    # Of all simulated studies, however many of their cases changed.
    table = table[table["least_changed"] == 0]
    certificates = [*_certificate_rows()]
    return {
        "sentences": [*_sentences(table, certificates)],
        "intervals": {
            "head": ["", "interval", "studies a cell", "coverage", "size",
                     *(f"power, {n} cases" for n in _SIZES), "percentile", "BCa"],
            "rows": [_interval_row(rows) for _, rows in table.groupby("quantity", sort=False)],
        },
        "printed": {
            "head": ["", *map(str, N_CASES)],
            "rows": [[title, *map(_certificate_cell, row)] for title, row in certificates],
        },
        "printed_from": f"{PRINTED_FROM:g}",
    }  # fmt: skip


def _interval_row(rows: pd.DataFrame) -> list[str]:
    quantity = rows["quantity"].iloc[0]
    shown = rows[rows["method"] == HEADLINE[quantity]]
    none, some = (shown[shown["effect"] == effect] for effect in ("none", "some"))
    return [
        TITLES.get(quantity, quantity),
        _METHODS.get(HEADLINE[quantity], HEADLINE[quantity].replace("_", " ")),
        f"{int(shown['draws'].min()):,}",
        _range(shown["coverage"]),
        # Rejections without an effect are the test's size, with one its power.
        _range(none["rejects"]),
        *(_range(some.loc[some["n_cases"] == n, "rejects"]) for n in _SIZES),
        *(
            # Of the batch reading these are `percentile_reread` and `bca_reread`.
            _least_coverage(rows[rows["method"].str.startswith(name)])
            for name in ("percentile", "bca")
        ),
    ]


def _least_coverage(rows: pd.DataFrame) -> str:
    return typographic("" if rows.empty else _share(rows["coverage"].min()))


def _certificate_rows() -> Iterator[tuple[str, list[Certificate]]]:
    for regime, study in _STUDY_KINDS:
        title = f"{TITLES['improvement']}: {_regime_name(regime)}"
        yield title, [certificate("improvement", n, **study) for n in N_CASES]
    for quantity in HEADLINE:
        if quantity not in ("improvement", _LEARNING):  # of both the first decides what is printed
            title = TITLES.get(quantity, quantity)
            yield title, [certificate(quantity, n) for n in N_CASES]


def _regime_name(name: str) -> str:
    share = f"{UNCHANGED.get(name, 0):.0%} unchanged"
    return _REGIMES.get(name, share if name in UNCHANGED else name.replace("_", " "))


def _certificate_cell(cell: Certificate) -> str:
    """Coverage where an interval is printed, in brackets where none is."""
    # The second test is true of NaN only.
    if not cell.regimes or cell.coverage != cell.coverage:
        return typographic("")
    if not cell.printed:
        return f"({_share(cell.coverage)})"
    changed = f"\N{GREATER-THAN OR EQUAL TO}{cell.least_changed}: " if cell.least_changed else ""
    return changed + _share(cell.coverage)


def _sentences(
    table: pd.DataFrame, certificates: list[tuple[str, list[Certificate]]]
) -> Iterator[str]:
    # How many kinds and sizes of study print an interval.
    cells = [cell for _, row in certificates for cell in row]
    printed = [cell for cell in cells if cell.printed]
    least = min(printed, key=lambda cell: cell.coverage)
    yield (
        f"Of {counted(len(cells), 'pair')} of a kind of study and a number of cases,"
        f" {len(printed)} print an interval, {sum(cell.least_changed > 0 for cell in printed)} of"
        f" them only where enough cases changed. The least coverage among them is"
        f" {_share(least.coverage)}, with a Monte Carlo standard error of {_share(least.error)}."
    )
    # Size of the test where there is no effect.
    flips = table[(table["quantity"] == "improvement") & (table["method"] == "sign_flips")]
    tests = flips[flips["effect"] == "none"]
    worst = max(rows_of(tests), key=lambda row: row["rejects"])
    yield (
        f"Without an effect the sign-flip test rejects in {_range(tests['rejects'])} of studies,"
        f" most often at {worst['n_cases']} cases of the kind {_regime_name(worst['regime'])}."
    )
    yield from _learning_sentences(table[table["quantity"] == _LEARNING])
    # The bootstraps, which are there for comparison only.
    for name, title in (("percentile", "The percentile bootstrap"), ("bca", "BCa")):
        rows = table[table["method"].str.startswith(name)]
        low = min(rows_of(rows), key=lambda row: row["coverage"])
        yield (
            f"{title}, there to compare, covers {_share(low['coverage'])} at its least"
            f" ({TITLES.get(low['quantity'], low['quantity'])}, {_regime_name(low['regime'])},"
            f" {low['n_cases']} cases)."
        )


def _learning_sentences(rows: pd.DataFrame) -> Iterator[str]:
    """Of judges that learn: the interval shown, and the one that allows for other labels."""
    covers = {key: _range(here["coverage"]) for key, here in rows.groupby(["method", "target"])}
    shown = HEADLINE[_LEARNING]
    if {(shown, "memories"), (shown, "method")} <= covers.keys():
        yield (
            f"Where a judge learns from its labels, the interval shown covers"
            f" {covers[shown, 'memories']} given the memories learnt, and"
            f" {covers[shown, 'method']} of what the same method would do on other labels."
        )
    wide = (f"{shown}_other_labels", "method")
    if wide in covers:
        yield f"The one that is widened for other labels covers {covers[wide]} of the latter."


def _range(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return typographic("")
    low, high = _share(known.min()), _share(known.max())
    return low if low == high else f"{low}\N{EN DASH}{high}"


def _share(value: float) -> str:
    return f"{value:.3f}"
