"""A rubric's YAML, checked by file and line before Hydra meets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.config.building import made
from memalign_bench.errors import DataError, RequestError
from memalign_bench.types import Scale

__all__ = ["broken_yaml", "check_rubric", "rubric_file"]

_SCALE = "memalign_bench.types.Scale"

_CLASSES = {
    "rubric": (
        "memalign_bench.types.Rubric",
        ("name", "artefact", "scale", "dimensions"),
        ("article",),
    ),
    "scale": (_SCALE, ("grades",), ("words", "not_applicable")),
    "dimension": (
        "memalign_bench.types.DimensionRubric",
        ("name", "title", "question", "levels"),
        ("not_applicable", "view"),
    ),
}
"""Part of a rubric -> its class, the keys that it must have, and those that it may have."""

_META = ("_target_", "_convert_", "defaults")


class _Entry(NamedTuple):
    """A value of the file and the line that its key stands in."""

    value: Any
    line: int
    inner: Mapping[Any, _Entry]


def rubric_file(name: str, folders: Sequence[Path]) -> Path | None:
    """Where the YAML of a rubric lies in folders of configuration; None if in none of them."""
    paths = [folder / "rubric" / f"{name}.yaml" for folder in folders]
    return next((path for path in paths if path.is_file()), None)


def check_rubric(path: Path) -> None:
    """Refuse a rubric's YAML with everything that is wrong with it.

    Raises:
        DataError: With a line for each problem: where it is, and what to do.
        RequestError: If it is no YAML.
    """
    import yaml

    try:
        root = _read(path.read_text(encoding="utf-8-sig"))
    except yaml.YAMLError as error:
        raise RequestError(broken_yaml(error, path)) from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8.") from error
    problems = [f"{path.name}:{line}: {told}" for line, told in _problems(root)]
    if not problems:
        try:
            made("rubric", {"rubric": root.value})
        except RequestError as error:
            problems = [f"{path.name}: {error}"]
    if problems:
        raise DataError(str(path), problems)


def broken_yaml(error: Any, path: Path | None = None) -> str:
    """What is wrong with a file that is no YAML, where, and what to do."""
    mark = getattr(error, "problem_mark", None)
    where = path or (mark.name if mark else "a YAML file")
    line = f":{mark.line + 1}" if mark else ""
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    if "\\t" in problem:
        return f"{where}{line}: a tab; YAML is indented with spaces alone, so put spaces there."
    return (
        f"{where}{line}: no YAML here ({problem}); look at the indentation, and put quotes around a"
        " text that holds a colon or begins with a sign."
    )


def _read(text: str) -> _Entry:
    import yaml

    loader = yaml.SafeLoader(text)
    node = loader.get_single_node()
    return _Entry(None, 1, {}) if node is None else _entry(loader, node, 1)


def _entry(loader: Any, node: Any, line: int) -> _Entry:
    """A node with the lines of its keys; what is merged into it (`<<`) keeps its own."""
    import yaml

    inner: dict[Any, _Entry] = {}
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        for key, value in node.value:
            name = loader.construct_object(key, deep=True)
            inner[name] = _entry(loader, value, key.start_mark.line + 1)
        return _Entry({name: one.value for name, one in inner.items()}, line, inner)
    return _Entry(loader.construct_object(node, deep=True), line, inner)


def _problems(root: _Entry) -> Iterator[tuple[int, str]]:
    if not root.inner:
        yield 1, "a rubric is a mapping of keys; `memalign-bench rubric action=new` writes one."
        return
    yield from _keys("rubric", "the rubric", root)
    scale, dimensions = root.inner.get("scale"), root.inner.get("dimensions")
    if scale is not None:
        yield from _keys("scale", "scale", scale)
    grades = _scale_grades(scale) if scale is not None and scale.inner else None
    if isinstance(grades, str):
        yield scale.line if scale else 1, grades
    if dimensions is not None and not dimensions.inner:
        yield dimensions.line, "dimensions must map a name to each question, got none."
    for name, entry in dimensions.inner.items() if dimensions is not None else ():
        yield from _keys("dimension", f"dimension {name!r}", entry)
        if entry.inner.get("name", entry).value not in (name, entry.value):
            said = entry.inner["name"]
            yield said.line, f"dimension {name!r} is named {said.value!r}; name it {name!r}."
        if isinstance(grades, Scale) and "levels" in entry.inner:
            yield from _levels(name, entry.inner["levels"], grades)


def _keys(part: str, told: str, entry: _Entry) -> Iterator[tuple[int, str]]:
    target, needed, more = _CLASSES[part]
    if not entry.inner:
        yield entry.line, f"{told} must be a mapping of {', '.join(needed)}, got {entry.value!r}."
        return
    said = entry.value.get("_target_")
    if said is None:
        yield entry.line, f"{told} has no _target_; write `_target_: {target}` below it."
    for key in needed:
        if key not in entry.inner:
            yield entry.line, f"{told} has no {key}; its keys are {', '.join((*needed, *more))}."
    if said not in (None, target):
        return  # a class of one's own may take other keys
    for key, value in entry.inner.items():
        if key not in (*needed, *more, *_META):
            known = ", ".join((*needed, *more))
            yield value.line, f"{told} has an unknown key {key!r}; its keys are {known}."


def _scale_grades(scale: _Entry) -> Scale | str | None:
    """The scale, or what is wrong with its grades; None where it is of a class of one's own."""
    if "grades" not in scale.inner or scale.value.get("_target_") not in (None, _SCALE):
        return None
    try:
        keys = {key: scale.value.get(key) for key in ("grades", "not_applicable")}
        return Scale(words=tuple(scale.value.get("words") or ()), **keys)
    except (TypeError, ValueError) as error:
        return str(error)


def _levels(name: str, levels: _Entry, scale: Scale) -> Iterator[tuple[int, str]]:
    for grade in scale.anchors:
        if grade not in levels.inner:
            yield (
                levels.line,
                f"dimension {name!r} has no level for grade {grade}; write what earns it:"
                f" `{grade}: ...` below levels.",
            )
    for grade, level in levels.inner.items():
        if grade not in scale.grades:
            yield (
                level.line,
                f"dimension {name!r} has a level for {grade!r}, which is no grade: a grade is"
                f" {scale}. Take it out, or add the grade to scale.grades.",
            )
