"""One self-contained page: tables, figures, guidelines and disagreements, readable offline.

Everything that comes from data is escaped; the page's policy lets no script or style run but its
own two, which are named by their hashes, and no address be asked for anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.report.cells import Cell, memory_cells, private_texts
from memalign_bench.report.disagreements import Disagreements, disagreements
from memalign_bench.report.extra import discover_tables
from memalign_bench.report.look import Look
from memalign_bench.report.notices import notices
from memalign_bench.report.views import backends_view, contrasts_view, page_view, summary_view

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from memalign_bench.report.frames import StudyFrames
    from memalign_bench.report.tables import Tables

__all__ = ["PageFigure", "page_facts", "render_page"]


@dataclass(frozen=True)
class PageFigure:
    """A drawn figure: its name, title and caption, and its SVG file."""

    name: str
    title: str
    caption: str
    svg: Path

    @property
    def source(self) -> str:
        """The file as a data address."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.read_bytes()).decode()


def render_page(
    frames: StudyFrames,
    tables: Tables,
    look: Look,
    figures: Sequence[PageFigure],
) -> str:
    """The report as one HTML document."""
    summary, contrasts = tables.summary, tables.contrasts
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=False,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = _asset("report.css"), _asset("report.js")
    modules = discover_tables()
    cells, anchors = memory_cells(frames, look)
    found = disagreements(frames, look, anchors)
    first = next(iter(frames.manifests.values()))
    page = environment.from_string(_asset("report.html.j2"))
    return page.render(
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        study=first.get("study", frames.path.name),
        artefact=first["rubric"].get("artefact", "item"),
        notices=notices(frames),
        facts=page_facts(frames, summary, look),
        summary=summary_view(summary, look),
        summary_notes=summary.attrs.get("notes", []),
        compared=backends_view(tables.backends) if len(tables.backends) else None,
        extras=[
            (name, modules[name].TITLE, page_view(modules[name].page(frames, table)))
            for name, table in tables.extra.items()
        ],
        contrasts=contrasts_view(contrasts, look),
        metrics=[("mae", "MAE"), ("spearman", "rank corr.")],
        readings=[(name, name) for name in sorted(set(contrasts["reading"]))],
        own_reading=look.reading,
        dimensions=[(name, look.title(name)) for name in look.dimensions(summary["dimension"])],
        variants=[(name, name) for name in look.variants],
        backends=[(name, name) for name in sorted(set(summary["backend"]))],
        figures=figures,
        cells=[(title, list(group)) for title, group in groupby(cells, key=_title)],
        cards=found.cards,
        shown_note=_shown_note(found, look),
        hidden=private_texts(frames),
        grade=lambda grade: _grade(grade, look),
        bars=_bars,
    )


def _asset(name: str) -> str:
    return resources.files("memalign_bench.report").joinpath("templates", name).read_text("utf-8")


def _title(cell: Cell) -> str:
    return cell.title


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none';"
        f" style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'"
    )


def _grade(grade: int, look: Look) -> str:
    words = dict(zip(look.grades, look.words, strict=True))
    if grade in words:
        return f"{grade} ({words[grade]})" if words[grade] != str(grade) else str(grade)
    return "not applicable" if grade == 0 else str(grade)


def _bars(shares: Sequence[tuple[int, float]], chosen: int | None, expert: int) -> Markup:
    """Bars of a distribution; the judge's grade is dark, the expert's has a frame."""
    from markupsafe import Markup, escape

    words = ", ".join(f"{grade}: {share:.2f}" for grade, share in shares)
    high, lines = 13, []
    for place, (grade, share) in enumerate(reversed(shares)):
        y = place * high
        kind = ' class="chosen"' if grade == chosen else ""
        lines.append(f'<text x="0" y="{y + 9}">{grade}</text>')
        lines.append(f'<rect{kind} x="12" y="{y + 1}" width="{100 * share:.1f}" height="9"/>')
        if grade == expert:
            lines.append(f'<rect class="expert" x="12" y="{y + 1}" width="100" height="9"/>')
        lines.append(f'<text x="117" y="{y + 9}">{share:.2f}</text>')
    return Markup(
        f'<svg class="bars" viewBox="0 0 142 {high * len(shares)}" role="img"'
        f' aria-label="{escape(words)}">{"".join(lines)}</svg>'
    )


def _shown_note(found: Disagreements, look: Look) -> str:
    if not found.n_answers:
        return "No judge of this study disagrees with the experts on any item."
    parts = [
        f"{found.n_answers} answers differ from the expert's (reading: {look.reading}), on"
        f" {len(found.cards)} pairs of item and dimension; the largest errors come first."
        " An answer that is missing counts as the largest error possible. In the bars the judge's"
        " grade is dark and the expert's framed."
    ]
    if found.n_shown < found.n_answers:
        parts.append(f"Only the {found.n_shown} with the largest errors are shown.")
    if found.views_left_out:
        parts.append(f"{found.views_left_out} views are left out to keep this file small.")
    return " ".join(parts)


def page_facts(frames: StudyFrames, summary: pd.DataFrame, look: Look) -> list[tuple[str, str]]:
    """What, when and on which data, as the manifests say; what they do not say is left out."""
    manifests = list(frames.manifests.values())
    dataset = manifests[0]["dataset"]
    rows = frames.predictions
    models = rows[["backend", "model"]].drop_duplicates().sort_values("backend")
    unfinished = ", ".join(
        m["run_id"] for m in manifests if m.get("status", "complete") != "complete"
    )
    facts = {
        "Data": f"{dataset['name']}, gold: {dataset.get('gold')}, digest {_short(dataset)}",
        "Items": f"{rows['item_id'].nunique()} of {rows['case_id'].nunique()} cases,"
        f" {rows['dimension'].nunique()} dimensions",
        "Scale": ", ".join(_grade(grade, look) for grade in look.grades),
        "Variants": ", ".join(look.variants),
        "Backends": "; ".join(
            f"{backend} ({model})" if backend != "none" else "none (no model)"
            for backend, model in models.itertuples(index=False)
        ),
        "Scoring": _all(manifests, "scoring"),
        "Applicability": _all(manifests, "applicability"),
        "Reading": f"{look.reading}; missing answers: {summary.attrs.get('missing', 'worst')}",
        "Folds": f"{_all(manifests, 'folds')}; fold seeds {_values(rows['fold_seed'])};"
        f" repeats {rows['repeat'].nunique()}",
        "Runs": "; with failed questions: ".join(
            [str(len(manifests)), *filter(None, [unfinished])]
        ),
        "Finished": _all(manifests, "finished"),
        "Code": _code(manifests),
    }
    return [(name, text) for name, text in facts.items() if text]


def _short(entry: Mapping[str, Any]) -> str:
    return str(entry.get("digest", ""))[:12]


def _values(column: pd.Series[Any]) -> str:
    return ", ".join(str(value) for value in sorted(set(column)))


def _all(manifests: Sequence[Mapping[str, Any]], key: str) -> str:
    return ", ".join(sorted({str(m[key]) for m in manifests if m.get(key) not in (None, "")}))


def _code(manifests: Sequence[Mapping[str, Any]]) -> str:
    found = set()
    for manifest in manifests:
        version = manifest.get("versions", {}).get("memalign-bench", "")
        git = manifest.get("git") or {}
        commit = str(git.get("commit") or "")[:12]
        dirty = " (with uncommitted changes)" if git.get("dirty") else ""
        found.add(
            " ".join(part for part in (version, commit and f"commit {commit}{dirty}") if part)
        )
    return "; ".join(sorted(found - {""}))
