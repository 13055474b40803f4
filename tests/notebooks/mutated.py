"""Valid notebooks changed at random as editors, merges and exports change them, and their oracle.

The oracle of what a notebook shows is `nbconvert` where it is installed; otherwise its rule (the
first form by its priority, streams and tracebacks as they are) written down once more.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import warnings
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import nbformat

from memalign_bench.datasets.bundled import bundled_path

__all__ = ["ORACLE", "bases", "mutated", "shown_words"]

ORACLE = "nbconvert" if importlib.util.find_spec("nbconvert") else "its rule"
_RANKED = ("text/html", "text/markdown", "image/svg+xml", "text/latex", "image/", "text/plain")
_UNRANKED = ("application/vnd.jupyter.widget-view+json", "application/javascript")
_WORD = re.compile(r"[A-Za-z]\w{2,}")
_MOVED = re.compile(r"\r(?!\n)|\x08|\x1b\[[0-9;]*[A-HJKSTfsu]|\x1b[^\[]")
"""Signs after which a terminal shows other text than was printed."""

_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2.5, 10**30, float("nan"), "", " ", "x", [], {}, [None], [[]], {"a": {}}),
    *("\ud800", "\x00\x1b[31m", "<script>x</script>", "<table><tr><td>", "\u202e", "a" * 9000),
)
_KEYS = (
    *("id", "metadata", "outputs", "source", "cell_type", "execution_count", "attachments", "name"),
    *("text", "data", "output_type", "traceback", "ename", "evalue", "input", "worksheets"),
    *("cells", "nbformat", "nbformat_minor", "text/html", "text/plain", "application/json"),
)
_FORMS = (
    "{0}", "{0}\r\n", "0 %\r{0}\n", "\x1b[1;31m{0}\x1b[0m", "\x1b]8;;u\x07{0}\x1b]8;;\x07",
    "\t{0}\x0b",
    "<b>{0}</b>", "<p>{0}<p>", "<div style='color:red'>{0}", "a < {0} > b", "<!-- x --><i>{0}</i>",
    "<table><tr><td>{0}</table>", "<pre>\n {0}\n</pre>", "<style>p{{}}</style>{0}", "&lt;{0}&gt;",
    "**{0}**", "| a |\n|---|\n| {0} |", "$${0}$$", "<svg><text>{0}</text></svg>",
    "\u00e9 {0} \u4e2d",
)  # fmt: skip


def bases() -> list[dict[str, Any]]:
    """Some bundled notebooks, and one that holds an output of every kind."""
    paths = sorted((bundled_path(1) / "notebooks").glob("*.ipynb"))[::4]
    return [*(json.loads(path.read_text(encoding="utf-8")) for path in paths), _every_kind()]


def _every_kind() -> dict[str, Any]:
    forms = {
        "text/plain": ["frame of\n", "numbers"],
        "text/html": "<div><style>td{}</style><table><tr><td>cell one</td></tr></table></div>",
        "text/markdown": "**bold** words",
        "text/latex": "$$alpha$$",
        "image/svg+xml": "<svg><title>t</title><g><text>label</text></g></svg>",
        "application/json": {"accuracy": [0.5]},
        "image/png": "iVBORw0KGgo=",
        "text/csv": "col,other\n1,2",
    }
    outputs: list[dict[str, Any]] = [
        {"output_type": "stream", "name": "stdout", "text": ["first\n", "second\n"]},
        {"output_type": "stream", "name": "stderr", "text": "10%\r100%\nwarned\n"},
        {"output_type": "error", "ename": "ValueError", "evalue": "bad shape",
         "traceback": ["\x1b[31m---\x1b[0m", "line seven", "ValueError: bad shape"]},
    ]  # fmt: skip
    kinds = list(forms)
    for first in range(len(kinds)):
        held = {kind: forms[kind] for kind in (kinds[first], kinds[-first])}
        outputs.append({"output_type": "display_data", "metadata": {}, "data": held})
    outputs.append(
        {"output_type": "execute_result", "execution_count": 3, "metadata": {}, "data": forms}
    )
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "words"]},
        {"cell_type": "raw", "metadata": {}, "source": "raw"},
        *(
            {"cell_type": "code", "execution_count": n, "metadata": {}, "outputs": [one],
             "source": f"model.fit(x{n})"}
            for n, one in enumerate(outputs)
        ),
    ]  # fmt: skip
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


def mutated(base: dict[str, Any], random: Random) -> bytes:
    """A file with up to four changes of the tree, and one of its bytes in a sixth of all."""
    notebook: Any = copy.deepcopy(base)
    for number in range(random.randint(0, 4)):
        random.choice(_TREE)(notebook, random, number)
    text = json.dumps(notebook, ensure_ascii=random.random() < 0.7, indent=random.choice([None, 1]))
    raw = text.encode("utf-8", "surrogatepass")
    return random.choice(_BYTES)(raw, random) if random.random() < 1 / 6 else raw


def _nodes(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in the tree: a container and its key."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield node, key
        if isinstance(value, dict | list):
            yield from _nodes(value)


def _place(notebook: Any, random: Random) -> tuple[Any, Any]:
    return random.choice(list(_nodes(notebook)) or [({"x": 0}, "x")])


def _delete(notebook: Any, random: Random, number: int) -> None:
    node, key = _place(notebook, random)
    del node[key]


def _replace(notebook: Any, random: Random, number: int) -> None:
    node, key = _place(notebook, random)
    node[key] = copy.deepcopy(random.choice(_ODD))


def _swap(notebook: Any, random: Random, number: int) -> None:
    node, key = _place(notebook, random)
    other, name = _place(notebook, random)
    node[key], other[name] = copy.deepcopy(other[name]), copy.deepcopy(node[key])


def _repeat(notebook: Any, random: Random, number: int) -> None:
    node, key = _place(notebook, random)
    if isinstance(node, list):
        node.insert(key, copy.deepcopy(node[key]))
    else:
        node[random.choice(_KEYS)] = copy.deepcopy(node[key])


def _respell(notebook: Any, random: Random, number: int) -> None:
    """Lines as one text, a text as lines, a thing as a list of it."""
    node, key = _place(notebook, random)
    value = node[key]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        node[key] = "".join(value)
    else:
        node[key] = value.splitlines(keepends=True) if isinstance(value, str) else [value]


def _say(notebook: Any, random: Random, number: int) -> None:
    """A new word in an output."""
    told = [
        (node, key)
        for node, key in _nodes(notebook)
        if isinstance(node, dict) and isinstance(node[key], str | list)
        and (key in ("text", "evalue", "traceback") or str(key).startswith(("text/", "image/svg")))
    ]  # fmt: skip
    if told:
        node, key = random.choice(told)
        said = random.choice(_FORMS).format(f"said{number}{random.choice('abcdef') * 4}")
        node[key] = [*node[key], said] if isinstance(node[key], list) else f"{node[key]}{said}"


_TREE: tuple[Callable[[Any, Random, int], None], ...] = (
    *(_delete, _replace, _replace, _swap, _repeat, _respell, _say, _say, _say),
)
_BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    lambda raw, random: b"\xef\xbb\xbf" + raw,
    lambda raw, random: raw.decode("utf-8", "replace").encode("utf-16"),
    lambda raw, random: raw.replace(b"\n", b"\r\n"),
    lambda raw, random: raw[: random.randrange(len(raw))],
    lambda raw, random: _cut_in(raw, random, bytes([random.randrange(256)])),
    lambda raw, random: _cut_in(raw, random, b"\n<<<<<<< HEAD\n=======\n>>>>>>> other\n"),
    lambda raw, random: raw + random.choice([b"\n\n", b"\x00", b"}", b" ", b"\xff"]),
)


def _cut_in(raw: bytes, random: Random, what: bytes) -> bytes:
    at = random.randrange(len(raw) + 1)
    return raw[:at] + what + raw[at:]


def shown_words(content: str) -> set[str] | None:
    """Words of all outputs as they are shown; None where the notebook cannot be opened or shown.

    Streams that move the cursor are left out: of these the last state is wanted, not every one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(content, as_version=4)
            for cell in notebook.cells:
                if cell.get("cell_type") == "code":
                    cell["source"] = ""
                    cell["outputs"] = [one for one in cell["outputs"] if not _moves(one)]
            notebook.cells = [cell for cell in notebook.cells if cell.get("cell_type") == "code"]
            text = _converted(notebook) if ORACLE == "nbconvert" else _by_rule(notebook)
    except Exception:  # whatever broke it: nothing is shown
        return None
    # A list with a hole or an object in it is shown by nbconvert as Python prints it.
    printed = re.sub(r"\\x1b\[[0-9;]*m|\\(x[0-9a-f]{2}|u[0-9a-f]{4}|[abfnrtv])", " ", text)
    plain = re.sub(r"\x1b\[[0-9;]*m|\x1b\].*?\x07", "", printed)
    return set(_WORD.findall(plain)) - {"None", "True", "nan"}


def _moves(output: Any) -> bool:
    """Whether a stream is no plain text; one cut in two may move within the next."""
    texts = [output.get("text", "")] if output.get("output_type") == "stream" else []
    return any(_MOVED.search("".join(text)) for text in texts)


def _converted(notebook: Any) -> str:
    from bs4 import BeautifulSoup
    from nbconvert import HTMLExporter

    html, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    page = BeautifulSoup(html, "html.parser")
    for unseen in page.select("style, script, title, metadata, .prompt, .input, [hidden]"):
        unseen.decompose()
    return "\n".join(part.get_text(" ") for part in page.select(".output"))


def _by_rule(notebook: Any) -> str:
    texts = [_text(output) for cell in notebook.cells for output in cell["outputs"]]
    unseen = r"<(style|script|title|metadata)\b.*?</\1>|<!--.*?-->|</?[a-z][^>]*>"
    return re.sub(unseen, " ", "\n".join(texts), flags=re.DOTALL)


def _text(output: Any) -> str:
    if output["output_type"] == "stream":
        return "".join(output["text"])
    if output["output_type"] == "error":
        return "\n".join(output["traceback"])
    data = output["data"]
    if any(kind in data for kind in _UNRANKED):
        return ""
    kinds = (kind for form in _RANKED for kind in data if kind.startswith(form))
    first = next(kinds, "")
    return "" if first.startswith("image/") and "svg" not in first else "".join(data.get(first, ""))
