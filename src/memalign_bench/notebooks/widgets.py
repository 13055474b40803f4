"""The last state of widgets, which notebooks keep apart from the outputs that show them.

The plain text of such an output is the state at its birth: a finished bar stands at 0 % there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memalign_bench.notebooks.html_text import html_text
from memalign_bench.notebooks.outputs import output_text

__all__ = ["widgets_of", "with_widgets"]

_STATES = "application/vnd.jupyter.widget-state+json"
_VIEW = "application/vnd.jupyter.widget-view+json"


def widgets_of(metadata: Any) -> Mapping[str, Any]:
    """Id of a widget -> its model, of a notebook's metadata; Colab leaves one level out."""
    saved = _mapping(_mapping(_mapping(metadata).get("widgets")).get(_STATES))
    return _mapping(saved.get("state", saved))


def with_widgets(outputs: Iterable[Any], widgets: Mapping[str, Any]) -> Iterator[Any]:
    """Outputs in which a widget's text is that of its last state, where it was kept."""
    for output in outputs:
        data = _mapping(_mapping(output).get("data"))
        text = _widget_text(widgets, _mapping(data.get(_VIEW)).get("model_id"), set())
        # A copy: the notebook's own outputs are checked against the format afterwards.
        yield {**output, "data": {"text/plain": text}} if text else output


def _widget_text(widgets: Mapping[str, Any], name: Any, shown: set[str]) -> str:
    """The text of a widget's last state, with that of the widgets inside it."""
    state = _mapping(_mapping(widgets.get(str(name))).get("state"))
    if str(name) in shown:  # within itself, say
        return ""
    shown.add(str(name))
    own_texts = [state.get(key) for key in ("description", "value")]
    texts_shown = [html_text(text) for text in own_texts if isinstance(text, str)]
    # Children are named `IPY_MODEL_` and their id.
    for child in _list(state.get("children")):
        texts_shown.append(_widget_text(widgets, str(child).removeprefix("IPY_MODEL_"), shown))
    texts_shown.append(output_text(_list(state.get("outputs"))))
    # tqdm's bar is an HBox of three: label, bar and counts, shown side by side.
    separator = " " if state.get("_model_name") == "HBoxModel" else "\n"
    return separator.join(part for part in texts_shown if part.strip())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
