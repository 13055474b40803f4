"""The paper: generated values and a figure beside its source, then Typst to PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.report.build import draw_figures, make_numbers, make_tables, write_tables
from memalign_bench.report.drawing.look import look_of
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.paper.beside import FIGURES, beside
from memalign_bench.report.paper.certification import certification
from memalign_bench.report.paper.published import published
from memalign_bench.report.paper.values import paper_values
from memalign_bench.report.prose import listed
from memalign_bench.report.sections.section import Section, chosen_sections
from memalign_bench.study.records import write_bytes, write_json

__all__ = ["PAPER_FIGURE", "Pages", "build_paper", "compile_paper"]

PAPER_FIGURE = "rank"
"""The figure that the paper shows: error beside rank correlation."""


@dataclass(frozen=True)
class Pages:
    """What the paper holds beside its study; a page whose folder is None is left out.

    Attributes:
        results: Where the folders lie.
        certify: The outcome of `memalign-bench certify`, whose figure is shown beside the table
            that ships with the package, by which reports print intervals.
        forensics: The outcome of `memalign-bench forensics`.
        beside: Further studies, with the tables of their reports.
    """

    results: Path
    certify: str | None = None
    forensics: str | None = None
    beside: Sequence[str] = ()

    def values(self) -> dict[str, Any]:
        """The values of each page.

        Raises:
            RecordError: If what a page is made from is not there.
        """
        absent = [name for name in self.beside if not (self.results / name / "runs").is_dir()]
        if absent:
            raise RecordError(
                f"{self.results} holds no study {listed(absent)}, of which the paper shows a short"
                " page; leave the pages out by 'beside=[]', or name studies that are there. Of one"
                " study alone: memalign-bench paper study=NAME certify=null forensics=null"
                " 'beside=[]'."
            )
        values: dict[str, Any] = {"beside": [beside(self.results / name) for name in self.beside]}
        if self.certify is not None:
            values["certification"] = certification()
        if self.forensics is not None:
            values["published"] = published(self.results / self.forensics / "forensics.json")
        return values

    def figures(self) -> dict[str, Path]:
        """Name in `generated/` -> the committed figure that a page shows."""
        figures = {}
        if self.certify is not None:
            figures["coverage.svg"] = self.results / self.certify / "coverage.svg"
        if self.forensics is not None:
            figures["sizes.svg"] = self.results / self.forensics / "figures" / "sizes.svg"
        for study in self.beside:
            files = {name: self.results / study / "figures" / f"{name}.svg" for name in FIGURES}
            figures |= {f"{study}-{n}.svg": file for n, file in files.items() if file.is_file()}
        return figures


def build_paper(
    analysis: Analysis,
    paper_dir: str | Path,
    sections: Mapping[str, Section],
    *,
    variants: Sequence[str] | None = None,
    pages: Pages | None = None,
    out: str | Path | None = None,
) -> Path:
    """Write `generated/` beside the paper's source from a study's records, and compile it.

    The same records and settings give the same bytes.

    Args:
        analysis: The records, and how they are read.
        paper_dir: Holds `paper.typ`; `generated/` below it is written afresh.
        sections: The report's topics (`config.build_sections`).
        variants: Which its table and sentences show; others are in the study's tables. None for
            the usual ones (`named_variants`).
        pages: What it holds beside the study; by default nothing.
        out: The PDF; by default `paper.pdf` in `paper_dir`.

    Returns:
        The PDF.

    Raises:
        RequestError: If there is no `paper.typ`, or a variant is not in the study.
        RecordError: If the paper needs a value that the records do not give.
    """
    source = _paper_source(Path(paper_dir))
    numbers, look = make_numbers(analysis, sections), look_of(analysis)
    generated = source.parent / "generated"
    chosen = chosen_sections(sections, PAPER_FIGURE).values()
    # One figure, under a fixed name that the source refers to.
    drawn = draw_figures(analysis, numbers, look, chosen, generated)
    if not drawn:
        raise RecordError(
            f"{analysis.frames.path}: there is nothing to draw in the figure {PAPER_FIGURE!r}."
        )
    write_bytes(generated / "figure.svg", drawn[0].files["svg"].read_bytes())
    # `generated/` keeps it under the fixed name alone.
    for file in drawn[0].files.values():
        file.unlink()
    # Tables and values that the source reads; nothing is typed in.
    tables = make_tables(analysis, numbers, {})  # those that every report has
    write_tables(generated / "tables", tables)
    values = paper_values(analysis, numbers, look, variants)
    values["figure"] = {"caption": drawn[0].caption}
    if pages is not None:
        values |= pages.values()
        for name, file in pages.figures().items():
            write_bytes(generated / name, _read_figure(file))
    write_json(generated / "values.json", values)
    return compile_paper(source, Path(out) if out else source.with_suffix(".pdf"))


def compile_paper(source: Path, out: Path) -> Path:
    """Compile a Typst document whose values are already generated.

    Raises:
        RecordError: If Typst refuses it; a missing value is named.
    """
    import typst

    # No system fonts and no date, so that every machine makes the same bytes. Typst reads nothing
    # outside of `root`.
    compiler = typst.Compiler(root=str(source.parent), ignore_system_fonts=True)
    try:
        data = compiler.compile(str(source), format="pdf", timestamp=0)
    except typst.TypstError as error:
        raise RecordError(f"{source} does not compile: {error.message}") from error
    # Of formats with a file a page, Typst returns a list.
    if not isinstance(data, bytes):
        raise RecordError(f"{source} gave no single PDF.")
    write_bytes(out, data)
    return out


def _read_figure(file: Path) -> bytes:
    if not file.is_file():
        raise RecordError(
            f"{file} does not exist, which a page of the paper shows; make it by `memalign-bench"
            " certify` or `forensics`, or leave the page out by certify=null or forensics=null."
        )
    return file.read_bytes()


def _paper_source(folder: Path) -> Path:
    source = folder / "paper.typ"
    if not source.is_file():
        raise RequestError(
            f"{source} does not exist; the paper is built in a clone of the project."
        )
    return source
