"""A topic of the report: its numbers, how people read them, and its figure; each may be missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.drawing.look import Look
    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.tables.table import Table

__all__ = ["Section", "SectionNumbers", "chosen_sections", "module_section"]

# Evaluated at import, when pandas is not loaded: hence the string.
SectionNumbers = Mapping[str, "pd.DataFrame"]
"""Section name -> its numbers; `summary` and `contrasts` are made before all others."""


@dataclass(frozen=True)
class Section:
    """What one module and one YAML of the group `figure` add to every report.

    The YAML's `_target_` returns this: `module_section`, or a function of one's own. A report
    leaves out a section whose numbers, or the data of whose figure, have no row.

    Attributes:
        name: Of the figure's and the tables' files.
        title: Its heading.
        place: Sections stand in rising order.
        numbers: (analysis, made) -> one row a line of `tables/NAME.csv`.
        table: (analysis, numbers) -> those for people.
        data: (analysis, made, look) -> the numbers drawn, one row a mark; by default the section's
            own numbers. Not asked where these have no row.
        caption: (look, data) -> what is shown, of how many items, in which reading, and how marks
            are to be read.
        draw: (data, look) -> a matplotlib figure; called inside `drawing.panels.theme`.
        needs: What a study must hold to have it, for who asks for its figure and gets none.
        under: The section in which its figure stands on the page, where that is not its own.
    """

    name: str
    title: str
    place: float
    numbers: Callable[[Analysis, SectionNumbers], pd.DataFrame] | None = None
    table: Callable[[Analysis, pd.DataFrame], Table] | None = None
    data: Callable[[Analysis, SectionNumbers, Look], pd.DataFrame] | None = None
    caption: Callable[[Look, pd.DataFrame], str] | None = None
    draw: Callable[[pd.DataFrame, Look], Figure] | None = None
    needs: str = "what it draws"
    under: str = ""

    def __post_init__(self) -> None:
        # Refused here: a report would meet half a pair only when it comes to that section.
        mistakes = {
            "a table without numbers": self.table and not self.numbers,
            "numbers without a table": self.numbers and not self.table,
            "a figure without a caption": self.draw and not self.caption,
            "a figure without numbers to draw": self.draw and not (self.data or self.numbers),
        }
        if problems := [what for what, is_there in mistakes.items() if is_there]:
            raise RequestError(f"figure={self.name} has {' and '.join(problems)}.")

    def drawn_data(self, analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
        """The numbers that its figure draws; no row where the study has none."""
        import pandas as pd

        # Without rows of its own a section draws nothing, whatever else its figure reads.
        # `in` makes numbers that are not made yet, and says no where these have no row.
        if self.numbers is not None and self.name not in made:
            return pd.DataFrame()
        return made[self.name] if self.data is None else self.data(analysis, made, look)


# Names of a module's functions and of `Section`'s fields alike.
_PARTS = ("numbers", "table", "data", "caption", "draw")


def module_section(
    name: str,
    title: str,
    place: float,
    module: str,
    *,
    needs: str = Section.needs,
    under: str = Section.under,
) -> Section:
    """The section whose parts are the functions of these names in a module.

    Raises:
        RequestError: If there is no such module, or it has none of the parts.
    """
    try:
        imported = import_module(module)
    except ModuleNotFoundError as error:
        # The module, or one that it imports: the error says which.
        raise RequestError(f"module {module!r} cannot be imported: {error}.") from error
    # A module has the parts that it defines; a section without a figure has no `draw`.
    parts = {part: getattr(imported, part) for part in _PARTS if hasattr(imported, part)}
    if not parts:
        raise RequestError(f"module {module!r} has none of {', '.join(_PARTS)}.")
    return Section(name, title, place, **parts, needs=needs, under=under)


def chosen_sections(sections: Mapping[str, Section], figure: str | None) -> dict[str, Section]:
    """The sections with a figure in the order of the page, or the one that is named.

    Raises:
        RequestError: If there is no such figure; lists those that there are.
    """
    with_figure = {name: section for name, section in sections.items() if section.draw}
    if figure is None:
        return with_figure
    if figure not in with_figure:
        raise RequestError(f"figure={figure!r} is not known; there are {', '.join(with_figure)}.")
    return {figure: with_figure[figure]}
