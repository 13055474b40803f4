"""The audit of the corpus as tables, for the terminal and for a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from genie_synth.audit.conditions import Condition
from genie_synth.audit.corpus import CorpusAudit
from genie_synth.audit.shortcuts import MEDIAN, worst_ratios

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["AuditTable", "as_markdown", "as_rich", "audit_tables", "both_levels"]


class AuditTable(NamedTuple):
    """One table.

    Attributes:
        title: What it shows.
        headings: Of its columns.
        rows: Its cells.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def audit_tables(audit: CorpusAudit, checks: Sequence[Condition]) -> Iterator[AuditTable]:
    """Every table of the audit, the conditions last."""
    yield _labels(audit)
    yield _survival(audit)
    yield from _shortcuts(audit)
    if audit.oracle:
        yield _oracle(audit)
    rows = [
        (check.name, f"{check.value:.3g}", check.bound, "yes" if check.holds else "NO")
        for check in checks
    ]
    yield AuditTable("Conditions", ("what", "measured", "asked", "holds"), rows)


def _labels(audit: CorpusAudit) -> AuditTable:
    rows = []
    for entry in audit.dimensions:
        distance, alpha = entry.literal_distance, audit.alphas[entry.dimension]
        kinds = [n for (name, _), n in audit.realisations.items() if name == entry.dimension]
        rows.append(
            (
                entry.dimension,
                "  ".join(f"{score or 'N/A'}: {count}" for score, count in entry.counts.items()),
                " ".join(map(str, kinds)),
                "" if distance is None else f"{distance:.2f}",
                " ".join(f"{noise:.2f}" for noise in entry.rater_noise.values()),
                "" if alpha is None else f"{alpha:.2f}",
                f"{entry.n_seen} of {entry.n_evidence}",
            )
        )
    headings = ("dimension", "gold: items", "realisations", "literal - expert", "raters - gold")
    title = "Labels; realisations of the scores in rising order; evidence that the first view shows"
    return AuditTable(title, (*headings, "alpha", "evidence seen"), rows)


def _survival(audit: CorpusAudit) -> AuditTable:
    rows = [
        (entry.view, f"{entry.n_seen} of {entry.n_planted}", f"{entry.share:.3f}")
        for entry in audit.survivals
    ]
    return AuditTable("Planted evidence that survives a view", ("view", "snippets", "share"), rows)


def _shortcuts(audit: CorpusAudit) -> Iterator[AuditTable]:
    for target, found in audit.shortcuts.items():
        ratios = worst_ratios(found)
        tried = list(dict.fromkeys((e.text, e.method) for by in found.values() for e in by))
        headings = [method if method == MEDIAN else f"{method}, {text}" for text, method in tried]
        rows = []
        for dimension, entries in found.items():
            errors = {(entry.text, entry.method): entry.mae for entry in entries}
            cells = [f"{errors[key]:.2f}" for key in tried]
            rows.append((dimension, *cells, f"{ratios[dimension]:.2f}"))
        title = f"MAE of shortcuts against {target.replace('_', '-')} scores"
        yield AuditTable(title, ("dimension", *headings, "best / median"), rows)


def _oracle(audit: CorpusAudit) -> AuditTable:
    rows = [
        (
            entry.dimension,
            f"{entry.n_noise_free} of {entry.n_items}",
            f"{entry.n_steady} of {entry.n_items}",
            f"{entry.gold_distance:.2f}",
            ", ".join(entry.missed),
        )
        for entry in audit.oracle
    ]
    headings = ("dimension", "noise-free", "renamed, stripped", "from gold", "missed")
    return AuditTable("An expert that only reads the notebooks", headings, rows)


def both_levels(real: Mapping[str, Any], plain: CorpusAudit) -> AuditTable:
    """What shortcuts reach against gold on each level: the best of a kind, over all texts.

    Args:
        real: The stored audit of the real level.
        plain: The audit of the plain level.
    """
    levels = (real, plain.as_json())
    rows = []
    for name in plain.shortcuts["gold"]:
        errors = [_best_by_kind(level["shortcuts"]["gold"][name]) for level in levels]
        rows.append((name, *(f"{e[kind]:.2f}" for kind in _KINDS for e in errors)))
    heads = [f"{kind}, {level}" for kind in _KINDS for level in ("real", "plain")]
    title = "Shortcuts on both levels, before any judge ran: MAE against gold"
    return AuditTable(title, ("dimension", *heads), rows)


_KINDS = ("label frequency", "nearest neighbours", "bag of words")


def _best_by_kind(tried: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    best: dict[str, float] = {}
    for entry in tried:
        method = entry["method"]
        kind = _KINDS[0 if method == MEDIAN else 1 if "neighbour" in method else 2]
        best[kind] = min(entry["mae"], best.get(kind, entry["mae"]))
    return best


def as_rich(part: AuditTable) -> Table:
    """A table for the terminal."""
    from rich.table import Table

    table = Table(title=part.title, title_justify="left")
    for heading in part.headings:
        table.add_column(heading, no_wrap=heading == "dimension")
    for row in part.rows:
        table.add_row(*row)
    return table


def as_markdown(part: AuditTable) -> str:
    """The same for a file."""
    lines = [f"## {part.title}", "", "| " + " | ".join(part.headings) + " |"]
    lines.append("|" + "---|" * len(part.headings))
    lines += ["| " + " | ".join(row) + " |" for row in part.rows]
    return "\n".join(lines) + "\n"
