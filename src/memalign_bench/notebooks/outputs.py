"""What the outputs of a cell say, as text: the result, not the object that shows it.

Notebooks store an output in several forms. Its plain text is taken, and those lines of its richest
form that say a word which the plain text does not; of a mere stub (`<IPython.core.display.HTML
object>`) only the richer form. An image stands as `[image]`, with the labels of a drawing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from memalign_bench.notebooks.html_text import html_text, svg_text
from memalign_bench.notebooks.terminal import plain_text, screen_text

__all__ = ["joined", "output_text"]

_STUB = re.compile(
    r"\s*<[^\n]*(\bobject|\bat 0x[0-9a-f]+|\bsize \d[^\n]*)>(\s+If you see this message,.*)?\s*"
    r"|alt\.\w+\(\.\.\.\)",
    re.IGNORECASE | re.DOTALL,
)
_SHOWN_ONLY = re.compile(r"\s*<IPython\.(core|lib)\.display\.\w+ object>\s*")
_MEDIA = re.compile(r"(image|audio|video)/|application/(pdf)")
_WORD = re.compile(r"\w+")
_RICH = ("text/html", "text/markdown", "text/latex")
_FRAME = re.compile(
    r"\s|-+(>|$)|~|\d|File |Cell |Input |/|[A-Za-z]:\\|<ipython|(\w+ +)?Traceback|During handling"
    r"|The above exception"
)
"""How the lines of a traceback begin that say where, not what."""

_WIDGET = "application/vnd.jupyter.widget-"
_LONGEST_LINE = 160


def output_text(outputs: Iterable[Any]) -> str:
    """Text of the outputs of one cell, in order; a stream that was cut up is put together."""
    held = [output for output in outputs if isinstance(output, Mapping)]
    return "\n".join(text for text in _texts(held) if text)


def _texts(outputs: Iterable[Mapping[str, Any]]) -> list[str]:
    shown: list[str] = []
    last: dict[str, tuple[int, str]] = {}  # stream -> place of its last text, and the text
    for stream, group in groupby(outputs, key=_stream):
        if not stream:
            shown += ("\n".join(plain_text(_one(one)).splitlines()).rstrip() for one in group)
            continue
        text = "".join(joined(one.get("text")) for one in group)
        place, before = last.get(stream, (0, "\n"))
        if before[-1:] == "\r" or (before[-1:] != "\n" and re.match(r"\r(?!\n)", text)):
            # A bar, and another stream between two of its states: the last state stays.
            shown[place] = shown[place].rpartition("\n")[0]
        last[stream] = len(shown), text
        shown.append(screen_text(text).rstrip())
    return shown


def joined(value: Any) -> str:
    """A text, which nbformat also stores as a list of lines; an object among them as JSON."""
    if isinstance(value, list):
        parts = (json.dumps(one) if isinstance(one, Mapping) else joined(one) for one in value)
        return "".join(parts)
    return str(value) if isinstance(value, str | int | float) else ""


def _stream(output: Mapping[str, Any]) -> str:
    """Name of the stream that an output belongs to; "" where it is none."""
    return str(output.get("name") or "stdout") if output.get("output_type") == "stream" else ""


def _one(output: Mapping[str, Any]) -> str:
    if output.get("output_type") == "error":
        return _error_text(output)
    data = output.get("data")
    return _data_text(data) if isinstance(data, Mapping) else joined(output.get("text"))


def _error_text(output: Mapping[str, Any]) -> str:
    """The error; of its traceback what says more than that, without the frames, which quote code.

    A traceback that is all there is stays whole.
    """
    named = (plain_text(joined(output.get(name))) for name in ("ename", "evalue"))
    said = ": ".join(filter(None, named))
    held = output.get("traceback")
    parts = held if isinstance(held, list) else [held]
    lines = plain_text("\n".join(part for part in parts if isinstance(part, str))).splitlines()
    if not said:
        return "\n".join(lines)
    # What follows the error is its message, indented or not.
    ends = [at for at, line in enumerate(lines) if line.startswith(said.split("\n")[0])]
    end = ends[-1] if ends else len(lines)
    told = [line for at, line in enumerate(lines) if at > end or not _FRAME.match(line)]
    return "\n".join([said, *_news(told, said)])


def _news(lines: Iterable[str], known: str) -> list[str]:
    """Lines that say a word which is not known."""
    words = set(_WORD.findall(known))
    return [line for line in lines if not words.issuperset(_WORD.findall(line))]


def _data_text(forms: Mapping[str, Any]) -> str:
    data = {kind.partition(";")[0].strip().lower(): form for kind, form in forms.items()}
    rich = next((text for kind in _RICH if (text := _form(data, kind))), "")
    if media := next(filter(None, map(_MEDIA.match, sorted(data))), None):
        labels = svg_text(joined(data.get("image/svg+xml")))
        mark = f"[{media[1] or media[2]}]"
        return "\n".join(part for part in dict.fromkeys((mark, labels, rich)) if part)
    plain = joined(data.get("text/plain")).rstrip()
    if not rich and (not plain or _STUB.fullmatch(plain)):
        rich = _json_text(data) or _other_text(data)
    if not rich:
        return "" if _SHOWN_ONLY.fullmatch(plain) else plain
    if not plain or _STUB.fullmatch(plain):
        return rich
    return "\n".join([plain, *_news(rich.split("\n"), plain)])


def _form(data: Mapping[str, Any], kind: str) -> str:
    text = joined(data.get(kind))
    return html_text(text) if kind == "text/html" else text.strip()


def _json_text(data: Mapping[str, Any]) -> str:
    """What was displayed as JSON: a line where it is short, else a line an entry."""
    kinds = sorted(kind for kind in data if not kind.startswith(("text/", "image/", _WIDGET)))
    for kind in kinds:
        value = data[kind]
        if isinstance(value, list | dict) and value:
            return "\n".join(_json_lines(value))
        if kind.endswith(("json", "xml")) and value is not None:
            return value if isinstance(value, str) else json.dumps(value)
    return ""


def _json_lines(value: list[Any] | dict[str, Any]) -> Iterator[str]:
    whole = json.dumps(value, ensure_ascii=False)
    if len(whole) <= _LONGEST_LINE:
        yield whole
    elif isinstance(value, list):
        yield from (json.dumps(entry, ensure_ascii=False) for entry in value)
    else:
        for key, entry in value.items():
            yield f"{key}: {json.dumps(entry, ensure_ascii=False)}"


def _other_text(data: Mapping[str, Any]) -> str:
    """Forms that no notebook renders as text (csv, source code), for want of another."""
    kinds = sorted(kind for kind in data if kind.startswith("text/") and kind != "text/plain")
    return "\n".join(text for kind in kinds if kind not in _RICH and (text := joined(data[kind])))
