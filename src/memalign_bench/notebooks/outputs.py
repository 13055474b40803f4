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

_STUB_TEXT = re.compile(
    # Meets `<Figure size 640x480 with 1 Axes>` and `<matplotlib.lines.Line2D at 0x7f...>`.
    r"\s*<[^\n]*(\bobject|\bat 0x[0-9a-f]+|\bsize \d[^\n]*)>(\s+If you see this message,.*)?\s*"
    r"|alt\.\w+\(\.\.\.\)",
    re.IGNORECASE | re.DOTALL,
)
_DISPLAY_OBJECT = re.compile(r"\s*<IPython\.(core|lib)\.display\.\w+ object>\s*")
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
    outputs_here = [output for output in outputs if isinstance(output, Mapping)]
    return "\n".join(text for text in _output_texts(outputs_here) if text)


def _output_texts(outputs: Iterable[Mapping[str, Any]]) -> list[str]:
    """A text for each output, and one for each run of outputs of the same stream."""
    texts: list[str] = []
    last_of_stream: dict[
        str, tuple[int, str]
    ] = {}  # stream -> place of its last text, and the text
    # Kernels cut a stream into many outputs; `groupby` puts neighbours of one name together.
    for stream, group in groupby(outputs, key=_stream_name):
        if not stream:
            texts += (
                "\n".join(plain_text(_result_text(output)).splitlines()).rstrip()
                for output in group
            )
            continue
        text = "".join(joined(output.get("text")) for output in group)
        place, previous = last_of_stream.get(stream, (0, "\n"))
        if previous[-1:] == "\r" or (previous[-1:] != "\n" and re.match(r"\r(?!\n)", text)):
            # A bar, and another stream between two of its states: the last state stays.
            texts[place] = texts[place].rpartition("\n")[0]
        last_of_stream[stream] = len(texts), text
        texts.append(screen_text(text).rstrip())
    return texts


def joined(value: Any) -> str:
    """A text, which nbformat also stores as a list of lines; an object among them as JSON."""
    if isinstance(value, list):
        parts = (
            json.dumps(entry) if isinstance(entry, Mapping) else joined(entry) for entry in value
        )
        return "".join(parts)
    return str(value) if isinstance(value, str | int | float) else ""


def _stream_name(output: Mapping[str, Any]) -> str:
    """Name of the stream that an output belongs to; "" where it is none."""
    return str(output.get("name") or "stdout") if output.get("output_type") == "stream" else ""


def _result_text(output: Mapping[str, Any]) -> str:
    """The text of an output that is no stream."""
    if output.get("output_type") == "error":
        return _error_text(output)
    data = output.get("data")
    return _data_text(data) if isinstance(data, Mapping) else joined(output.get("text"))


def _error_text(output: Mapping[str, Any]) -> str:
    """The error's name and message, and from its traceback what neither says, without code frames.

    A traceback that is all there is stays whole.
    """
    name_and_value = (plain_text(joined(output.get(name))) for name in ("ename", "evalue"))
    error = ": ".join(filter(None, name_and_value))
    traceback = output.get("traceback")
    parts = traceback if isinstance(traceback, list) else [traceback]
    lines = plain_text("\n".join(part for part in parts if isinstance(part, str))).splitlines()
    if not error:
        return "\n".join(lines)
    # What follows the error is its message, indented or not.
    # Python repeats the error as the last part of the traceback.
    ends = [at for at, line in enumerate(lines) if line.startswith(error.split("\n")[0])]
    end = ends[-1] if ends else len(lines)
    kept_lines = [line for at, line in enumerate(lines) if at > end or not _FRAME.match(line)]
    return "\n".join([error, *_new_lines(kept_lines, error)])


def _new_lines(lines: Iterable[str], known: str) -> list[str]:
    """Those lines that hold a word which is not in `known`."""
    words = set(_WORD.findall(known))
    return [line for line in lines if not words.issuperset(_WORD.findall(line))]


def _data_text(forms: Mapping[str, Any]) -> str:
    """The text of an output that is stored in several forms, by media type."""
    # Without parameters: `text/html; charset=utf-8` is `text/html`.
    data = {kind.partition(";")[0].strip().lower(): form for kind, form in forms.items()}
    rich = next((text for kind in _RICH if (text := _form_text(data, kind))), "")
    if media := next(filter(None, map(_MEDIA.match, sorted(data))), None):
        # A drawing's letters are all that a reader without pictures can get.
        labels = svg_text(joined(data.get("image/svg+xml")))
        mark = f"[{media[1] or media[2]}]"
        return "\n".join(part for part in dict.fromkeys((mark, labels, rich)) if part)
    plain = joined(data.get("text/plain")).rstrip()
    # Nothing else says anything: take what no notebook would render.
    if not rich and (not plain or _STUB_TEXT.fullmatch(plain)):
        rich = _json_text(data) or _other_text(data)
    if not rich:
        return "" if _DISPLAY_OBJECT.fullmatch(plain) else plain
    if not plain or _STUB_TEXT.fullmatch(plain):
        return rich
    return "\n".join([plain, *_new_lines(rich.split("\n"), plain)])


def _form_text(data: Mapping[str, Any], kind: str) -> str:
    """One form of an output as text; "" where it has none of this type."""
    text = joined(data.get(kind))
    return html_text(text) if kind == "text/html" else text.strip()


def _json_text(data: Mapping[str, Any]) -> str:
    """What was displayed as JSON: a line where it is short, else a line an entry."""
    # Sorted, so that the same output gives the same text however its forms are ordered.
    kinds = sorted(kind for kind in data if not kind.startswith(("text/", "image/", _WIDGET)))
    for kind in kinds:
        value = data[kind]
        if isinstance(value, list | dict) and value:
            return "\n".join(_json_lines(value))
        if kind.endswith(("json", "xml")) and value is not None:
            return value if isinstance(value, str) else json.dumps(value)
    return ""


def _json_lines(value: list[Any] | dict[str, Any]) -> Iterator[str]:
    """A JSON value on one line where it is short, else a line an entry."""
    one_line = json.dumps(value, ensure_ascii=False)
    if len(one_line) <= _LONGEST_LINE:
        yield one_line
    elif isinstance(value, list):
        yield from (json.dumps(entry, ensure_ascii=False) for entry in value)
    else:
        for key, entry in value.items():
            yield f"{key}: {json.dumps(entry, ensure_ascii=False)}"


def _other_text(data: Mapping[str, Any]) -> str:
    """Forms that no notebook renders as text (csv, source code), for want of another."""
    kinds = sorted(kind for kind in data if kind.startswith("text/") and kind != "text/plain")
    return "\n".join(text for kind in kinds if kind not in _RICH and (text := joined(data[kind])))
