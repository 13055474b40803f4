"""The paper: generated values and a figure beside its source, then Typst to PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.report.build import draw_figures, make_numbers, make_tables, write_tables
from memalign_bench.report.drawing.look import look_of
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.paper.values import paper_values
from memalign_bench.report.sections.section import Section, chosen_sections
from memalign_bench.study.records import write_bytes, write_json

__all__ = ["PAPER_FIGURE", "build_paper", "compile_paper"]

PAPER_FIGURE = "rank"
"""The figure that the paper shows: error beside rank correlation."""


def build_paper(
    analysis: Analysis,
    paper_dir: str | Path,
    sections: Mapping[str, Section],
    *,
    variants: Sequence[str],
    out: str | Path | None = None,
) -> Path:
    """Write `generated/` beside the paper's source from a study's records, and compile it.

    The same records and settings give the same bytes.

    Args:
        analysis: The records, and how they are read.
        paper_dir: Holds `paper.typ`; `generated/` below it is written afresh.
        sections: The report's topics (`config.build_sections`).
        variants: Which its table and sentences show; others are in the study's tables.
        out: The PDF; by default `paper.pdf` in `paper_dir`.

    Returns:
        The PDF.

    Raises:
        RequestError: If there is no `paper.typ`.
        RecordError: If the paper needs a value that the records do not give.
    """
    source = _source(Path(paper_dir))
    made, look = make_numbers(analysis, sections), look_of(analysis)
    generated = source.parent / "generated"
    chosen = chosen_sections(sections, PAPER_FIGURE).values()
    drawn = draw_figures(analysis, made, look, chosen, generated)
    if not drawn:
        raise RecordError(
            f"{analysis.frames.path}: there is nothing to draw in the figure {PAPER_FIGURE!r}."
        )
    write_bytes(generated / "figure.svg", drawn[0].files["svg"].read_bytes())
    for file in drawn[0].files.values():
        file.unlink()
    tables = make_tables(analysis, made, {})  # those that every report has
    write_tables(generated / "tables", tables)
    values = paper_values(analysis, made, look, variants)
    values["figure"] = {"caption": drawn[0].caption}
    write_json(generated / "values.json", values)
    return compile_paper(source, Path(out) if out else source.with_suffix(".pdf"))


def compile_paper(source: Path, out: Path) -> Path:
    """Compile a Typst document whose values are already generated.

    Raises:
        RecordError: If Typst refuses it; a missing value is named.
    """
    import typst

    compiler = typst.Compiler(root=str(source.parent), ignore_system_fonts=True)
    try:
        data = compiler.compile(str(source), format="pdf", timestamp=0)
    except typst.TypstError as error:
        raise RecordError(f"{source} does not compile: {error.message}") from error
    if not isinstance(data, bytes):
        raise RecordError(f"{source} gave no single PDF.")
    write_bytes(out, data)
    return out


def _source(folder: Path) -> Path:
    source = folder / "paper.typ"
    if not source.is_file():
        raise RequestError(
            f"{source} does not exist; the paper is built in a clone of the project."
        )
    return source
