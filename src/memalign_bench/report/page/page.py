"""One self-contained page: tables, figures, guidelines and disagreements, readable offline.

Everything that comes from data is escaped; the page's policy lets no script or style run but its
own two, which are named by their hashes, and no address be asked for anything.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.notices import notices
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import private_texts
from memalign_bench.report.page.cards import Disagreements, disagreements
from memalign_bench.report.page.facts import grade_name, study_facts
from memalign_bench.report.page.guidelines import MemoryCell, memory_cells
from memalign_bench.report.page.left_out import fewer_examples
from memalign_bench.report.page.verdict import verdict_of
from memalign_bench.report.prose import METRIC_NAMES, typographic, typographic_prose
from memalign_bench.report.tables.table import Table
from memalign_bench.types import Grade

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

__all__ = ["PageFigure", "TitledTable", "asset", "policy", "render_page", "template"]

_MAX_BARS = 10
_PIXELS_A_POINT = 1.8  # 4/3 is print's size; screens are read from farther away

IN_VERDICT = "improvement"
"""The figure that stands beside the verdict."""

_STATUSES = ("scored", "abstained", "failed", "contradictory")
"""What an answer can be: the records' words, and one whose rationale names another grade."""

_EXAMPLE_CHOICES = [("yes", "fewer than asked"), ("no", "as many as asked")]


class TitledTable(NamedTuple):
    """A table with its heading."""

    title: str
    table: Table


@dataclass(frozen=True)
class PageFigure:
    """A drawn figure.

    Attributes:
        name: Its own, which is also its section's where that has a table.
        title: Its heading.
        caption: What stands below it.
        svg: Its file.
        under: The section in which it stands, where that is not its own.
    """

    name: str
    title: str
    caption: str
    svg: Path
    under: str = ""

    @property
    def source(self) -> str:
        """The file as a data address."""
        # The page's policy lets no image be fetched; it must be in the page.
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.read_bytes()).decode()

    @cached_property
    def width(self) -> int:
        """Pixels on the page, so that text has one size in narrow figures and wide ones."""
        points = re.search(rb'<svg[^>]*\bwidth="([0-9.]+)pt"', self.svg.read_bytes())
        if points is None:
            raise ValueError(f"{self.svg} has no width in points.")
        return round(_PIXELS_A_POINT * float(points[1]))


@dataclass(frozen=True)
class PageSection:
    """A heading of the page with its figures and its table; either may be missing."""

    title: str
    table: Table | None
    figures: tuple[PageFigure, ...]


def render_page(
    analysis: Analysis,
    look: Look,
    tables: Mapping[str, TitledTable],
    figures: Sequence[PageFigure],
) -> str:
    """The report as one HTML document.

    Args:
        analysis: The records, and how they are read.
        look: The study's look.
        tables: Section name -> its heading and table, in the order of the page.
        figures: What was drawn, in the order of the page.
    """
    from markupsafe import Markup

    frames = analysis.frames
    style, script = asset("report.css"), asset("report.js")
    # Memory first: cards link to the guidelines that an answer was given with.
    cells, anchors = memory_cells(frames, look)
    disagreeing = disagreements(frames, look, anchors)
    first = next(iter(frames.manifests.values()))
    fewer = fewer_examples(frames, disagreeing.cards)
    # `Markup` marks the two assets as safe; everything else is escaped by the template.
    page = template("report.html.j2")
    return page.render(
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        study=frames.path.name,
        artefact=first["rubric"].get("artefact", "item"),
        notices=notices(frames),
        facts=study_facts(analysis, look),
        verdict=verdict_of(analysis, tables["contrasts"].table.numbers, look),
        sections=_page_sections(tables, figures),
        choices=_filter_choices(look, tables)
        # Without any choice the template leaves a filter out.
        | {"fewer": ("Examples", _EXAMPLE_CHOICES if fewer else [])},
        fewer=fewer,
        in_verdict=IN_VERDICT,
        typographic=typographic,
        typographic_prose=typographic_prose,
        figures=figures,
        # `groupby` groups neighbours only; `memory_cells` keeps a dimension's cells together.
        cells=[(title, list(group)) for title, group in groupby(cells, key=_cell_title)],
        cards=disagreeing.cards,
        shown_note=_shown_note(disagreeing, look),
        hidden=private_texts(frames),
        grade=lambda grade: grade_name(grade, look),
        bars=_distribution_bars,
        breaking=_breakable,
    )


def _page_sections(
    tables: Mapping[str, TitledTable], figures: Sequence[PageFigure]
) -> dict[str, PageSection]:
    """Name -> section, in the order of the page; a figure without a place of its own comes last."""
    # The verdict, above all sections, holds the figure that answers its question.
    placed = [figure for figure in figures if figure.name != IN_VERDICT]
    by_section: dict[str, list[PageFigure]] = {name: [] for name in tables}
    for figure in placed:
        name = figure.under if figure.under in tables else figure.name
        by_section.setdefault(name, []).append(figure)
    return {
        name: PageSection(tables[name].title, tables[name].table, tuple(here))
        if name in tables
        else PageSection(here[0].title, None, tuple(here))
        for name, here in by_section.items()
    }


def _filter_choices(
    look: Look, tables: Mapping[str, TitledTable]
) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """What rows are filtered by -> its label, and the values with their words."""
    numbers = [titled.table.numbers for titled in tables.values()]

    def present(column: str) -> list[str]:
        return sorted(
            {str(value) for frame in numbers if column in frame for value in frame[column]}
        )

    return {
        "dimension": (
            "Dimension",
            [(d, look.title(d)) for d in look.dimensions(present("dimension"))],
        ),
        "variant": ("Variant", [(name, name) for name in look.variants]),
        "backend": ("Backend", [(name, name) for name in present("backend")]),
        "status": ("Answer", [(name, name) for name in _STATUSES]),
        "metric": ("Metric", [*METRIC_NAMES.items()]),
        "reading": ("Reading", [(name, name) for name in present("reading")]),
    }


@cache  # compiling one takes a tenth of a second
def template(name: str) -> jinja2.Template:
    """A page's template; everything that goes into it is escaped."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        # A name that the template misspells is an error, not an empty place.
        undefined=jinja2.StrictUndefined,
        trim_blocks=False,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(asset(name))


def asset(name: str) -> str:
    """A template, style or script of pages."""
    return (
        resources.files("memalign_bench.report.page").joinpath("templates", name).read_text("utf-8")
    )


def _cell_title(cell: MemoryCell) -> str:
    return cell.title


def policy(style: str, script: str) -> str:
    """A page's policy: nothing but its own style and script, and images that it holds."""

    # Hashes name the only style and script that may run.
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        # Texts of items and judges are untrusted: whatever slips past escaping cannot run or call
        # home.
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none';"
        f" style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'"
    )


def _breakable(text: str) -> Markup:
    """A text whose long names may break behind the marks that join their parts."""
    from markupsafe import Markup, escape

    # Escaped before: no entity ("&amp;", "&#39;") holds a mark behind which it could be torn.
    return Markup(re.sub("([_,=])(?! )", r"\1<wbr>", str(escape(text))))


def _distribution_bars(
    shares: Sequence[tuple[Grade, float]], chosen: Grade | None, expert: Grade | None
) -> Markup:
    """Bars of a distribution; the judge's grade is dark, the expert's has a frame.

    Of many grades the likeliest are shown, and these two.
    """
    from markupsafe import Markup, escape

    likely = {grade for grade, _ in sorted(shares, key=lambda pair: -pair[1])[:_MAX_BARS]}
    # In the order of the scale, not of likelihood.
    shares = [pair for pair in shares if pair[0] in (likely | {chosen, expert})]
    words = ", ".join(f"{grade}: {share:.2f}" for grade, share in shares)
    # Where bars begin: 12 units of the viewBox for a grade of one figure, 6 for each further one.
    left = 12 + 6 * (max(len(str(grade)) for grade, _ in shares) - 1)
    # Height of one bar in pixels; the best grade stands on top.
    high, lines = 13, []
    for place, (grade, share) in enumerate(reversed(shares)):
        y = place * high
        kind = ' class="chosen"' if grade == chosen else ""
        lines.append(f'<text x="0" y="{y + 9}">{grade}</text>')
        # A bar of a probability of 1 would be as long as the expert's frame.
        lines.append(f'<rect{kind} x="{left}" y="{y + 1}" width="{100 * share:.1f}" height="9"/>')
        if grade == expert:
            lines.append(f'<rect class="expert" x="{left}" y="{y + 1}" width="100" height="9"/>')
        lines.append(f'<text x="{left + 105}" y="{y + 9}">{share:.2f}</text>')
    return Markup(
        f'<svg class="bars" viewBox="0 0 {left + 130} {high * len(shares)}" role="img"'
        f' aria-label="{escape(words)}">{"".join(lines)}</svg>'
    )


def _shown_note(disagreeing: Disagreements, look: Look) -> str:
    if not disagreeing.n_answers:
        return "No judge of this study disagrees with the experts on any item."
    contradict = any(
        a.contradicting is not None for card in disagreeing.cards for a in card.answers
    )
    parts = [
        f"{disagreeing.n_answers} answers differ from the expert's (reading: {look.reading})"
        f"{' or contradict their own words' if contradict else ''}, on"
        f" {len(disagreeing.cards)} pairs of item and dimension; the largest errors come first."
        " An answer that is missing counts as the largest error possible. In the bars the judge's"
        " grade is dark and the expert's framed."
    ]
    if disagreeing.n_shown < disagreeing.n_answers:
        parts.append(f"Only the {disagreeing.n_shown} with the largest errors are shown.")
    if disagreeing.views_left_out:
        parts.append(f"{disagreeing.views_left_out} views are left out to keep this file small.")
    return " ".join(parts)
