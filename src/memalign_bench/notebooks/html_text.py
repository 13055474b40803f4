"""The text of HTML and SVG as people see it: tables as rows, scripts and styles left out."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

from memalign_bench.notebooks.terminal import plain_text

__all__ = ["html_text", "svg_text"]

_MAX_CHARACTERS = 100_000
"""Longer outputs (scripts not counted) are cut here: on broken HTML the parser's time grows with
the square of the length."""

_HIDDEN_TAGS = frozenset({"head", "metadata", "noscript", "script", "style", "template", "title"})
_LIST_TAGS = {"dd", "dl", "dt", "li", "ol", "ul"}
_TABLE_TAGS = {"caption", "table", "tbody", "tfoot", "thead", "tr"}
_BREAKING_TAGS = frozenset(
    {"article", "blockquote", "br", "details", "div", "figcaption", "figure", "footer", "form"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "p", "pre", "section"}
    | {"button", "option", "select", "summary", "textarea", *_LIST_TAGS, *_TABLE_TAGS}
)
_VOID_TAGS = frozenset(  # these have no end
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_MEDIA_MARKS = {"img": "[image]", "audio": "[audio]", "video": "[video]"}
_HIDDEN_CLASS = "sk-text-repr-fallback"
"""Class of scikit-learn's note that the notebook wants to be trusted; its style sheet hides it."""

_BREAK, _CELL = "\x00", "\x01"
_DECLARATION = re.compile(r"<[!?][^>]*>?")
_TAG = re.compile(r"<[^<>]*>?")
_SPACES = re.compile(r"\s+")


def html_text(html: str) -> str:
    """Visible text, one line a block or row of a table; cells are told apart by " | ".

    >>> html_text("<table><tr><th>step<th>loss</tr><tr><td>1<td>0.4</table>").splitlines()
    ['step | loss', '1 | 0.4']
    """
    return _visible_text(html, _TextGatherer())


def svg_text(svg: str) -> str:
    """The labels of a drawing and what stands around it, one a line; "" where letters are paths."""
    return _visible_text(svg, _TextGatherer(only="text"))


def _visible_text(html: str, reader: _TextGatherer) -> str:
    """The text that a reader gathers from HTML, its marks turned into lines and cells."""
    html = plain_text(_without_scripts(html))  # the marks below stand in no text then
    reader.feed(html)
    if "<" in reader.rawdata and not reader.cdata_elem:
        # A tag without an end: closing the parser would try it from every sign on.
        reader.parts.append(_SPACES.sub(" ", _TAG.sub(" ", reader.rawdata)))
    else:
        reader.close()
    lines = (row for line in "".join(reader.parts).split(_BREAK) for row in _lines_of_row(line))
    return "\n".join(line for line in lines if line.strip(" |"))


def _without_scripts(html: str) -> str:
    """HTML without comments, scripts, styles and declarations: they can take the parser minutes."""
    for begin, end in (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>")):
        # Plain splitting takes time in proportion to the length, also where an end is missing.
        kept, *asides = html.split(begin)
        html = kept + "".join(aside.partition(end)[2] for aside in asides)
    return _DECLARATION.sub("", html)[:_MAX_CHARACTERS]


def _lines_of_row(line: str) -> list[str]:
    """A line, or the lines of a `pre`, or the row of a table with what stands before it."""
    if _CELL not in line:
        return [part.rstrip() for part in line.split("\n")]
    # What stands before the first cell is no part of the row.
    before, *cells = (" ".join(part.split()) for part in line.split(_CELL))
    return [before, " | ".join(cells)]


class _TextGatherer(HTMLParser):
    """Gathers texts, with marks where a line or a cell begins."""

    def __init__(self, only: str | None = None) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.only = only
        self.open: list[tuple[str, bool]] = []  # tag, and whether what is in it is seen
        self.within: Counter[str] = Counter()  # how many of each tag are open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        seen = self._seen()
        self._mark(tag, starts=True)
        if seen and (mark := _MEDIA_MARKS.get(tag)):
            self.parts.append(mark)
        if seen and tag == "iframe" and not self.only:  # a page within the page
            self.parts.append(_BREAK + html_text(dict(attrs).get("srcdoc") or ""))
        if tag not in _VOID_TAGS:
            self.open.append((tag, seen and not _is_hidden(tag, dict(attrs))))
            self.within[tag] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # `<path/>` of a drawing begins and ends nothing; `<br/>` counts as `<br>`.
        if tag in _VOID_TAGS:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._mark(tag)
        # Tags whose end was left out end with the one around them; a stray end ends nothing.
        while self.within[tag]:
            last, _ = self.open.pop()
            self.within[last] -= 1
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        # With `only`, other texts inside the drawing (descriptions, styles) are no labels.
        is_wanted = not self.only or self.within[self.only] or not self.within["svg"]
        if self._seen() and is_wanted:
            # Runs of white space are one space to a browser, but for those within `pre`.
            self.parts.append(data if self.within["pre"] else _SPACES.sub(" ", data))

    def _seen(self) -> bool:
        """Whether what comes next would be seen."""
        return not self.open or self.open[-1][1]

    def _mark(self, tag: str, *, starts: bool = False) -> None:
        """Mark the beginning of a line or a cell."""
        if not self._seen():
            return
        if tag in ("td", "th"):
            self.parts.append(_CELL if starts else " ")
        elif tag in _BREAKING_TAGS or tag == self.only:
            # A block inside a cell must not break the table's row.
            inside_cell = self.within["td"] + self.within["th"] and tag not in _TABLE_TAGS
            self.parts.append(" " if inside_cell else _BREAK)


def _is_hidden(tag: str, attrs: dict[str, str | None]) -> bool:
    """Whether a tag, or what its attributes say, keeps its content from being seen."""
    style = (attrs.get("style") or "").replace(" ", "").lower()
    classes = (attrs.get("class") or "").split()
    return (
        tag in _HIDDEN_TAGS
        or "hidden" in attrs
        or "display:none" in style
        or _HIDDEN_CLASS in classes
    )
