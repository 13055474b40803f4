"""The reference of every key and choice, written from the comments of `conf/` itself.

`python -m memalign_bench.config.reference` writes `conf/README.md`; a test fails while it is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from memalign_bench.config.composing import CONFIG_NAMES
from memalign_bench.config.searchpath import config_dir

__all__ = ["Key", "keys_of", "reference"]

# "  k: 4    # neighbours shown": indent, key, value and comment; a text in quotes may hold #.
_KEY_LINE = re.compile(
    r"^(?P<indent> *)(?P<key>[\w.]+):"
    r'(?: +(?P<value>"[^"]*"|[^#]*?))? *(?:# ?(?P<said>.*))?$'
)
_HIDDEN = ("defaults", "hydra", "_target_", "name")
_HEAD = """\
# Every key and choice

Written from the comments of the YAML files beside it (`make reference`); do not edit. A command
takes `key=value` and `group=choice`; `-m` sweeps over values with commas between them; a folder of
YAMLs of your own comes in with `--config-dir`.
"""


class Key(NamedTuple):
    """A key of a YAML with its default and the comment beside it."""

    name: str
    default: str
    said: str


def keys_of(text: str) -> Iterator[Key]:
    r"""The keys of a YAML that can be set, with the comments beside them and below.

    >>> [tuple(key) for key in keys_of("memory:\n  k: 4      # shown\n            # at most\n")]
    [('memory.k', '4', 'shown at most')]
    >>> [tuple(key) for key in keys_of('colour: "#5f5f5f"  # of its line\n')]
    [('colour', '"#5f5f5f"', 'of its line')]
    """
    # Indent and key of every mapping that the line at hand lies in.
    parents: list[tuple[int, str]] = []
    current: Key | None = None
    for line in text.splitlines():
        match = _KEY_LINE.match(line)
        if match is None:
            # A comment under a key's own goes on with it; anything else ends it.
            if current and line.startswith(" ") and line.strip().startswith("#"):
                current = current._replace(said=f"{current.said} {line.strip(' #')}".strip())
            continue
        if current:
            yield current
        current = None
        depth = len(match["indent"])
        # A line that stands no deeper than a parent has left it.
        parents = [(at, key) for at, key in parents if at < depth]
        names = [*(key for _, key in parents), match["key"]]
        parents.append((depth, match["key"]))
        if match["value"] and not any(name in _HIDDEN for name in names):
            current = Key(".".join(names), match["value"].strip(), (match["said"] or "").strip())
    if current:
        yield current


def reference() -> str:
    """The text of `conf/README.md`."""
    folder = config_dir()
    parts = [_HEAD]
    for command in CONFIG_NAMES:
        text = (folder / f"{command}.yaml").read_text("utf-8")
        parts += [f"## `memalign-bench {command}`", _title(text), _keys_table(text)]
    for group in sorted(path for path in folder.iterdir() if path.is_dir()):
        parts.append(f"## `{group.name}=`")
        choices = sorted(group.glob("*.yaml"))
        rows = [f"| `{path.stem}` | {_title(path.read_text('utf-8'))} |" for path in choices]
        parts.append("\n".join(["| choice | what it is |", "| --- | --- |", *rows]))
        keys = _group_keys(choices)
        if keys:
            parts.append(_markdown_table(keys, ("key of", "key", "default", "meaning")))
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(text: str) -> str:
    # The package header, where there is one, stands above the title.
    lines = [line for line in text.splitlines() if not line.startswith("# @package")]
    return lines[0].removeprefix("# ") if lines and lines[0].startswith("# ") else ""


def _keys_table(text: str) -> str:
    rows = [(f"`{key.name}`", f"`{key.default}`", key.said) for key in keys_of(text)]
    return _markdown_table(rows, ("key", "default", "meaning")) if rows else ""


def _group_keys(choices: list[Path]) -> list[tuple[str, ...]]:
    """The keys of a group's choices that say what they are."""
    return [
        (f"`{path.stem}`", f"`{key.name}`", f"`{key.default}`", key.said)
        for path in choices
        for key in keys_of(path.read_text("utf-8"))
        if key.said
    ]


def _markdown_table(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    # A bar in a cell would begin another one.
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


def main() -> int:
    """Write the file."""
    path = config_dir() / "README.md"
    path.write_text(reference(), encoding="utf-8")
    sys.stderr.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
