"""How often the gate is wrong, with and without the judge's error carried: simulated releases.

    python experiments/loop/gate_power.py [--repeats 200] [--out results/loop_gate]

Nine dimensions; true grades are planted, judges are tables of how often a true grade gets which.
Writes gate.csv, gate.md (alarms, misses) and claims.csv, claims.md (coverage of an agent's mean).
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.loop.claims.ppi import powered_mean
from memalign_bench.loop.claims.response import fit_response, response_mean
from memalign_bench.loop.gate.verdicts import Call, GateRules, Pairs, decide, paired_difference
from memalign_bench.seeding import generator
from memalign_bench.stats.clusters import case_mean
from memalign_bench.study.records import write_bytes

MARGIN = 0.25
N_DIMENSIONS = 9
NOTEBOOKS = 2
"""Notebooks a case."""

SHARES = np.array([0.15, 0.30, 0.55])
"""Of the true grades 1, 2, 3 of the usual agent, and of the labelled notebooks."""

MEAN = float(SHARES @ [1, 2, 3])
ALIKE = 0.5
"""Chance that a notebook has the grade of its case: some cases are hard."""

_CAREFUL = np.array([[0.85, 0.12, 0.03], [0.10, 0.80, 0.10], [0.03, 0.12, 0.85]])
_ALWAYS_3 = np.array([[0.0, 0.0, 1.0]] * 3)
JUDGES = {
    "careful": _CAREFUL,
    "polite": (_CAREFUL + _ALWAYS_3) / 2,
    "coarse": np.array([[0.85, 0.10, 0.05], [0.10, 0.20, 0.70], [0.03, 0.07, 0.90]]),
    "blind": np.array([[0.05, 0.25, 0.70]] * 3),
}
"""Judge -> chances of its grades, a row a true grade. Coarse: calls an average notebook good."""

AT_MARGIN = MARGIN / (MEAN - 1)
TRUTHS = {
    # name: share of the candidate's notebooks that fall to grade 1, and in how many dimensions
    "unchanged": (0.0, 0),
    "loss of the margin, all nine": (AT_MARGIN, N_DIMENSIONS),
    "leakage in half, one of nine": (0.5, 1),
    "another style, nothing worse": (0.0, 0),
}
STYLE = "another style, nothing worse"
"""The judge marks 30 % of the candidate's notebooks down by a grade for what is no fault."""

SIZES = ((25, 25), (100, 100))
"""Cases of a run, labelled cases."""

RULES = GateRules(margin=MARGIN, n_flips=1_000)


class Setting(NamedTuple):
    """One row of the table of gates."""

    judge: str
    truth: str
    n_cases: int
    n_labelled: int


def grades(
    n_cases: int, draw: np.random.Generator, shares: NDArray[np.float64] = SHARES
) -> NDArray[np.intp]:
    """True grades less one, shape (cases, notebooks)."""
    shape = (n_cases, NOTEBOOKS)
    own, shared = draw.choice(3, shape, p=shares), draw.choice(3, n_cases, p=shares)
    return np.where(draw.random(shape) < ALIKE, shared[:, None], own).astype(np.intp)


def judged(true: NDArray[np.intp], judge: str, draw: np.random.Generator) -> NDArray[np.float64]:
    """What a judge gives notebooks of these true grades."""
    chances = JUDGES[judge].cumsum(axis=1)[true]
    return 1.0 + (draw.random(true.shape)[..., None] > chances).sum(axis=-1).clip(max=2)


def labelled(n_cases: int, judge: str, draw: np.random.Generator) -> LabelledSample:
    """A labelled sample of notebooks of the usual agent."""
    true = grades(n_cases, draw)
    cases = np.repeat(np.arange(n_cases).astype(str), NOTEBOOKS)
    return LabelledSample(judged(true, judge, draw).ravel(), true.ravel() + 1.0, cases, true.size)


def release(setting: Setting, number: int) -> dict[str, bool]:
    """One baseline and candidate: what is said of them."""
    draw = generator(0, "gate power", *setting, number)
    share, n_worse = TRUTHS[setting.truth]
    ignored, carried = [], []
    for place in range(N_DIMENSIONS):
        shared = grades(setting.n_cases, draw)[:, :1]  # both agents meet the same cases
        runs = []
        for candidate in (False, True):
            own = grades(setting.n_cases, draw)
            true = np.where(draw.random(own.shape) < ALIKE, shared, own)
            if candidate and place < n_worse:
                true = np.where(draw.random(true.shape) < share, 0, true)
            said = judged(true, setting.judge, draw)
            if candidate and setting.truth == STYLE:
                said = np.where(draw.random(said.shape) < 0.3, np.maximum(1, said - 1), said)
            runs.append(said.mean(axis=1))
        plain = paired_difference(f"dimension {place}", Pairs(runs[0], runs[1], 2.0), RULES)
        ignored.append(plain)
        sample = labelled(setting.n_labelled, setting.judge, draw)
        carried.append(plain.with_response(fit_response(sample)))
    told = {}
    for way, differences in (("carried", carried), ("ignored", ignored)):
        calls = decide(differences, RULES).calls
        told[f"alarm_{way}"] = Call.WORSE in calls
        told[f"first_worse_{way}"] = calls[0] is Call.WORSE
        told[f"first_passed_{way}"] = calls[0] in (Call.SAME, Call.BETTER)
        told[f"any_unclear_{way}"] = Call.CANNOT_TELL in calls
    return told


def gate_row(work: tuple[Setting, int]) -> dict[str, object]:
    """Shares over repeats of one setting."""
    setting, repeats = work
    told = pd.DataFrame([release(setting, number) for number in range(repeats)]).mean()
    share, n_worse = TRUTHS[setting.truth]
    loss = share * (MEAN - 1)
    beyond = loss > MARGIN + 1e-9
    row: dict[str, object] = {**setting._asdict(), "true_loss": loss, "n_worse": n_worse}
    for way in ("carried", "ignored"):
        row[f"false_alarm_{way}"] = np.nan if beyond else told[f"alarm_{way}"]
        row[f"caught_{way}"] = told[f"first_worse_{way}"] if beyond else np.nan
        row[f"missed_{way}"] = told[f"first_passed_{way}"] if beyond else np.nan
        row[f"unclear_{way}"] = told[f"any_unclear_{way}"]
    return row


AGENTS = {
    "like the labelled": SHARES,
    "worse": np.array([0.5, 0.3, 0.2]),
    "bad throughout": np.array([1.0, 0.0, 0.0]),
}
METHODS = ("response", "ppi", "opinion")


def claim_row(work: tuple[str, str, int, int]) -> dict[str, object]:
    """How often each interval of an agent's mean holds it, and its mean width."""
    judge, agent, n_labelled, repeats = work
    draw = generator(0, "claim coverage", judge, agent, n_labelled)
    truth = float(AGENTS[agent] @ [1, 2, 3])
    cases = np.repeat(np.arange(25), NOTEBOOKS)
    held, shown = dict.fromkeys(METHODS, 0), dict.fromkeys(METHODS, 0)
    wide = dict.fromkeys(METHODS, 0.0)
    for _ in range(repeats):
        sample = labelled(n_labelled, judge, draw)
        said = judged(grades(25, draw, AGENTS[agent]), judge, draw).ravel()
        found = {
            "response": response_mean(said, cases, fit_response(sample), (1.0, 3.0))[1],
            "ppi": powered_mean(said, cases, sample).interval(),
            "opinion": case_mean(said, cases).interval(),
        }
        for name, one in found.items():
            if np.isnan(one.low):
                continue
            shown[name] += 1
            held[name] += one.low - 0.005 <= truth <= one.high + 0.005
            wide[name] += min(3.0, one.high) - max(1.0, one.low)
    row: dict[str, object] = {
        "judge": judge, "agent": agent, "n_labelled": n_labelled, "true_mean": truth,
    }  # fmt: skip
    for name in METHODS:
        row[f"coverage_{name}"] = held[name] / shown[name] if shown[name] else np.nan
        row[f"width_{name}"] = wide[name] / shown[name] if shown[name] else np.nan
    row["shown_response"] = shown["response"] / repeats
    return row


def markdown(table: pd.DataFrame, notes: list[str]) -> str:
    """A table with its notes."""

    def cell(value: object) -> str:
        if isinstance(value, float):
            return "" if np.isnan(value) else f"{value:.3f}".rstrip("0").rstrip(".")
        return str(value)

    heads = [name.replace("_", " ") for name in table.columns]
    rows = [[cell(value) for value in row] for row in table.itertuples(index=False)]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", *notes, ""])


def written(name: str, rows: Iterator[dict[str, object]], notes: list[str], out: Path) -> None:
    """Write a table as csv and md."""
    table = pd.DataFrame(rows)
    write_bytes(out / f"{name}.csv", table.to_csv(index=False, float_format="%.6g").encode())
    write_bytes(out / f"{name}.md", markdown(table, notes).encode())


def _start() -> None:
    """Leave what is imported out of the garbage that statsmodels collects in every correction."""
    import_module("statsmodels.stats.multitest")
    gc.freeze()


def main(words: list[str] | None = None) -> None:
    """Simulate, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("results/loop_gate"))
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args(words)
    gates = [
        (Setting(judge, truth, *sizes), asked.repeats)
        for judge, truth, sizes in product(JUDGES, TRUTHS, SIZES)
    ]
    claims = [
        (judge, agent, n, asked.repeats) for judge, agent, n in product(JUDGES, AGENTS, (25, 100))
    ]
    said = f"{asked.repeats} simulated releases a row, seeded; nothing here is a real judge's."
    with ProcessPoolExecutor(asked.workers, initializer=_start) as pool:
        written("gate", pool.map(gate_row, gates), [
            f"- {said} Margin {MARGIN} grades, level {RULES.level} over nine dimensions (Holm).",
            "- False alarm: any dimension is called worse though no loss is beyond the margin."
            " Missed: the dimension that lost more is called same or better. Caught: it is called"
            " worse; what is neither is left open, and fails a strict gate. Unclear: any"
            " dimension is left open.",
            "- Carried: the judge's response, measured on its labelled sample, is carried into"
            " every test. Ignored: its grades are taken for the experts'.",
            f"- `{STYLE}` breaks what both suppose, that notebooks of one true grade are graded"
            " alike whoever wrote them: no labelled sample of another agent can show it.",
        ], asked.out)  # fmt: skip
        written("claims", pool.map(claim_row, claims), [
            f"- {said} Coverage of 95 % intervals of an agent's mean true grade, 25 cases of two"
            " notebooks. The labelled notebooks are those of an agent like the first.",
            "- Coverage and width are of the intervals shown: `response` shows none where the"
            " judge's mean lies beyond what either end of the scale would show.",
            "- `ppi` (PPI++) supposes that the labelled notebooks are like the agent's own;"
            " `response` that those of one true grade are graded alike whoever wrote them;"
            " `opinion` that the judge is right.",
        ], asked.out)  # fmt: skip


if __name__ == "__main__":
    main()
