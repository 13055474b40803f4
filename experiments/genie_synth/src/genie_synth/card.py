"""The card of the bundled corpus: what it is, how it was made, what it can and cannot show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from genie_synth.compose import Draft
from genie_synth.raters.ratings import GOLD
from genie_synth.sketch.case import DIMENSIONS

__all__ = ["card", "plain_card"]

_TEXT = """\
# genie_synth, seed {seed} ({role})

{n_items} data science notebooks over {n_cases} cases, two a case, each graded on nine dimensions
(3 good, 2 average, 1 bad, 0 not applicable). **Everything here is synthetic**: the data sets come
from seeded generators or ship inside scikit-learn and statsmodels, the notebooks are written by a
program, and the three raters and their gold score are simulated. No person graded anything.

## How it was made
- A **case** is a prompt and a data set. Per dimension its two notebooks get different qualities.
- A **realisation** is one way of writing code that shows a fact (a *facet*): the imputer fitted
  before the split or after it, settings picked on the test rows or inside the training part. Good
  and bad ones use the same functions. The corpora of seed 0 and seed 1 share no case and no
  realisation.
- The **expert policy** turns facets into a score and a reason, the **literal reading** into what
  one would grade from the rubric's plain text alone (`literal_score`).
- Three **simulated raters** move away from the policy by one point now and then, more often where
  the evidence is borderline and most often on exploratory_data_analysis: `rater_1` is strict,
  `rater_3` kind. `gold` is their median. Every label has a rationale of its own.
- An **oracle** that is given prompt, data line and notebook only, never what was planted, follows
  the data through the code and applies the same policy; `audit.md` says where it arrives at the
  noise-free score. It shows that the labels can be read off the notebooks, not that the conventions
  are right.
- Every notebook was executed from top to bottom in a fresh kernel; run ids, times, addresses and \
paths in outputs are normalised. Install cells were not executed, their output is written by the \
builder; MLflow wrote to a temporary store; execution counts out of order are planted as counts. \
Cells that fail show their real traceback.

## Files
`notebooks/<item_id>.ipynb`; `items.jsonl` (prompt, a line on the data, stratum); `labels.csv`
(every rater and `gold`, score, rationale, `literal_score`); `evidence.jsonl` (realisation, planted
facets, the noise-free score, its reason, and the lines of the notebook that show it; cells are
counted from 0 there, and from 1 in rationales).

## Gold scores
{table}

Mean distance of the literal reading from the noise-free expert score, over applicable items, and
of the raters from gold:

{distances}

## What it can and cannot show
It can show that the machinery works: that folds, judges, memories and statistics do what they say,
and whether a judge picks up a convention that the rubric does not state. It cannot show that
alignment works with real experts: the conventions are few and consistent, the raters' noise is
drawn, and the prose is made of parts. For that, use labels of real people.
"""


def card(items: Sequence[Draft], rows: Sequence[Mapping[str, Any]], seed: int) -> str:
    """Markdown of the data set card."""
    return _TEXT.format(
        seed=seed,
        role="reported corpus" if seed == 0 else "development corpus",
        n_items=len(items),
        n_cases=len({draft.case.case_id for draft in items}),
        table=_table(rows),
        distances=_distances(items, rows),
    )


_PLAIN = """\
# genie_synth, seed {seed}, plain level

The same {n_items} items as one folder up: same cases, facets, raters and scores, item by item. What
differs is how the facts are shown. In `real` each is written in many ways; here one author writes,
the same set of facets always comes from the same realisation (of exploratory_data_analysis from two
at most three, where tables and series need their own; an unstratified split has one for classes and
one for numbers), and one sentence a dimension in markdown
says what is done, never whether it is good. What a facet defines by silence (a model fitted again
without a word) stays unsaid, and so does whether a finding is misread: only the outputs tell. The
sentences come on top, so these notebooks and their views are a little longer than those of `real`.
**Synthetic**, as all of it.

**Stated before any judge ran on it:** plain is no easier set to shine on, and its numbers stand
beside those of `real` or not at all. The figure to be made from both is the gain from memory
against the share of evidence that a judge sees. `audit.md` begins with what label frequencies,
nearest neighbours and bags of words reach on either level, side by side; on `plain` that shortcuts
fail is measured and not demanded, and neither is variety of code.

`items.parquet` (with the notebooks as `content`, executed like the real ones; pictures and HTML
tables are left out), `labels.parquet` (scores as in `real`, rationales that name the cells of these
notebooks), `evidence.parquet` (`facets` as JSON text). Seeds 0 and 1 share no realisation. They do
share the sentences, which follow from the facets alone: an exception that is meant.
"""


def plain_card(items: Sequence[Draft], seed: int) -> str:
    """Markdown of the card of the plain level."""
    return _PLAIN.format(seed=seed, n_items=len(items))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| dimension | 3 | 2 | 1 | n/a |", "|---|---|---|---|---|"]
    for dimension in DIMENSIONS:
        counts = Counter(
            row["score"] for row in rows if row["dimension"] == dimension and row["rater"] == GOLD
        )
        lines.append(f"| {dimension} | {counts[3]} | {counts[2]} | {counts[1]} | {counts[0]} |")
    return "\n".join(lines)


def _distances(items: Sequence[Draft], rows: Sequence[Mapping[str, Any]]) -> str:
    gold = {(r["item_id"], r["dimension"]): r["score"] for r in rows if r["rater"] == GOLD}
    lines = ["| dimension | literal, expert | raters, gold |", "|---|---|---|"]
    for dimension in DIMENSIONS:
        literal_distances = [
            abs(item.literal[dimension] - item.rulings[dimension].score)
            for item in items
            if item.rulings[dimension].score
        ]
        rater_distances = [
            abs(row["score"] - gold[row["item_id"], dimension])
            for row in rows
            if row["dimension"] == dimension and row["rater"] != GOLD and row["score"]
        ]
        lines.append(f"| {dimension} | {_mean(literal_distances)} | {_mean(rater_distances)} |")
    return "\n".join(lines)


def _mean(values: Sequence[int]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else "-"
