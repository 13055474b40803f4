"""A configuration's YAML read by line, and a rubric's checked: each problem with line and remedy.

Hydra composes rubrics like every other choice; what it and the constructors say of a wrong one
names neither file nor line. A rubric that the user wrote is therefore looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.config.building import instantiate_group
from memalign_bench.config.checking import target_problem
from memalign_bench.config.searchpath import config_dir
from memalign_bench.errors import DataError, RequestError, refuse
from memalign_bench.types import Scale, ViewRule

__all__ = ["broken_yaml", "check_file", "check_files"]

_SCALE = "memalign_bench.types.Scale"
_VIEW = "memalign_bench.types.ViewRule"

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
    "view": (_VIEW, (), ("mode", "patterns", "ignore", "late")),
}
"""Part of a rubric -> its class, the keys that it must have, and those that it may have."""

_HYDRA_KEYS = ("_target_", "_convert_", "defaults")

_TEXT_KEYS = ("name", "artefact", "article", "title", "question", "not_applicable")

_DIMENSION = re.compile(r"\w([\w .-]{0,78}[\w.-])?")
"""A dimension's name: it becomes one of files, columns and keys of the command line."""


_GLOBAL_PACKAGE = re.compile(r"^\s*#\s*@package\s+_global_", re.MULTILINE)


class _Entry(NamedTuple):
    """A value of the file, the line of its key, and both as they are written (`said`, `key`)."""

    value: Any
    line: int
    inner: Mapping[Any, _Entry]
    said: str = ""
    key: str = ""
    items: tuple[_Entry, ...] = ()


_Problem = tuple[int, str]
"""A line of the file, and what is wrong in it."""


def check_files(words: Sequence[str], folders: Sequence[Path]) -> None:
    """Refuse the YAMLs in these folders that the words of a request choose, where they are wrong.

    Raises:
        RequestError: With all that is wrong in them.
    """
    wrong = []
    for word in words:
        choice, _, names = word.lstrip("+").partition("=")
        # `view@facts=mine` takes its YAML from view/.
        group = choice.partition("@")[0]
        for name in names.split(","):
            file = name.strip(" '\"").removesuffix(".yaml") + ".yaml"
            paths = [folder / group / file for folder in folders]
            if path := next((path for path in paths if path.is_file()), None):
                shipped = config_dir() / group / file
                # A copy of ours changes nothing; Hydra looks into the user's folders last.
                if shipped.is_file() and shipped.read_bytes() != path.read_bytes():
                    wrong.append(
                        f"{path} bears the name of a choice that comes with memalign-bench, which"
                        f" would be taken instead; give it another: {group}=my_{shipped.stem}."
                    )
                    continue
                try:
                    check_file(group, path)
                except (RequestError, DataError) as error:
                    wrong.append(str(error))
    refuse(wrong)


def check_file(group: str, path: Path) -> None:
    """Refuse the YAML of a choice that cannot be read; a rubric's with all that is wrong with it.

    Raises:
        DataError: With a line for each problem: where it is, and what to do.
        RequestError: If it is no YAML.
    """
    import yaml

    found: list[_Problem] = []
    try:
        # Some editors begin a file with a byte order mark, which is part of no key.
        text = path.read_text(encoding="utf-8-sig")
        root = _read_entries(text, found)
    except yaml.YAMLError as error:
        raise RequestError(broken_yaml(error, path)) from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8.") from error
    except RecursionError as error:
        raise RequestError(f"{path}: an alias (*) stands inside of what it names.") from error
    if group == "experiment" and not _GLOBAL_PACKAGE.search(text):
        found.append((1, "write `# @package _global_` as its first line, or no key of it is read."))
    found += _choice_problems(group, path.stem, root)
    # A YAML with `defaults` takes the rest of its keys from elsewhere: only Hydra can tell.
    is_whole_rubric = group == "rubric" and "defaults" not in root.inner
    found += _rubric_problems(root) if is_whole_rubric else ()
    problems = [f"{path.name}:{line}: {problem}" for line, problem in found]
    if is_whole_rubric and not problems:
        try:
            instantiate_group("rubric", {"rubric": root.value})
        except RequestError as error:
            problems = [f"{path.name}: {line}" for line in str(error).splitlines()]
    if problems:
        raise DataError(str(path), problems)


def broken_yaml(error: Any, path: Path | None = None) -> str:
    """What is wrong with a file that is no YAML, where, and what to do."""
    mark = getattr(error, "problem_mark", None)
    where = path or (mark.name if mark else getattr(error, "name", None) or "a YAML file")
    line = f":{mark.line + 1}" if mark else ""
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    if "\\t" in problem:
        return f"{where}{line}: a tab; YAML is indented with spaces alone, so put spaces there."
    if "duplicate key" in problem:
        return f"{where}{line}: {_duplicate_key(problem.rpartition('duplicate key ')[2])}"
    if "#x0000" in problem:
        return f"{where}: no text of UTF-8 (it holds zero bytes); save it as UTF-8."
    if "another document" in problem:
        return f"{where}{line}: a second document begins here (---); one file holds one."
    if "tag '" in problem:
        return f"{where}{line}: no tag (!) is taken here ({problem}); put a text in quotes."
    return (
        f"{where}{line}: no YAML here ({problem}); look at the indentation, and put quotes around a"
        " text that holds a colon or begins with a sign."
    )


def _duplicate_key(key: str) -> str:
    return f"the key {key} stands here twice; take one of the two out."


def _read_entries(text: str, problems: list[_Problem]) -> _Entry:
    from omegaconf._utils import get_yaml_loader  # what Hydra reads it with

    loader = get_yaml_loader()(text)
    node = loader.get_single_node()
    return _Entry(None, 1, {}) if node is None else _entry_of_node(loader, node, 1, problems)


def _entry_of_node(
    loader: Any, node: Any, line: int, problems: list[_Problem], key: str = ""
) -> _Entry:
    """The entries of a node, with their lines; what is merged in (`<<`) keeps its own lines."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        single = isinstance(node, yaml.ScalarNode)
        said, inside = (node.value, ()) if single else ("", node.value)
        value = loader.construct_object(node, deep=True)  # refuses a list that holds itself
        # What begins with " #" is a comment to YAML; without a blank behind it, it was meant.
        rest = loader.buffer[node.end_mark.index :] if single and node.style is None else ""
        if isinstance(value, str) and (comment := re.match(r"[ \t]+(#\w[^\n]*)", rest)):
            problem = f"{comment[1]!r:.60} is a comment to YAML; put quotes around the text"
            problems.append((line, f"{problem}, or a blank behind the # where it is one."))
        items = tuple(
            _entry_of_node(loader, entry, entry.start_mark.line + 1, problems) for entry in inside
        )
        return _Entry(value, line, {}, said, key, items)
    inner: dict[Any, _Entry] = {}
    # Flattening puts merged keys beside these; only its own may not stand twice.
    own = {id(key) for key, _ in node.value}
    seen = set()
    loader.flatten_mapping(node)
    for name_node, value in node.value:
        name = loader.construct_object(name_node, deep=True)
        # Marks count lines from 0.
        key_line = name_node.start_mark.line + 1
        if not isinstance(name, Hashable):
            problems.append((key_line, f"a list or mapping cannot be a key, got {name!r}."))
            continue
        said = str(name_node.value)
        if id(name_node) in own and name in seen:
            problems.append((key_line, _duplicate_key(said)))
        seen |= {name} if id(name_node) in own else set()
        inner[name] = _entry_of_node(loader, value, key_line, problems, said)
    return _Entry({name: entry.value for name, entry in inner.items()}, line, inner, "", key)


def _choice_problems(group: str, stem: str, root: _Entry) -> Iterator[_Problem]:
    """What is wrong with a YAML whatever group it is of."""
    if not isinstance(root.value, Mapping | None) or (group == "rubric" and not root.inner):
        hint = "; `memalign-bench rubric action=new` writes one" if group == "rubric" else ""
        yield 1, f"a {group} is a mapping of keys (`key: value`){hint}."
        return
    defaults, name = root.inner.get("defaults"), root.inner.get("name")
    if defaults is not None and not isinstance(defaults.value, list):
        yield defaults.line, f"defaults must be a list: `defaults: [{defaults.said}, _self_]`."
    # A tracker's name says which kind it is, and stands in no record.
    named = () if group == "tracker" else (stem, "???", "")
    if named and name is not None and isinstance(name.value, str) and name.value not in named:
        yield (
            name.line,
            f"name is {name.value!r}, and the file {stem!r}; records go by the name of the file, so"
            " make the two alike.",
        )


def _rubric_problems(root: _Entry) -> Iterator[_Problem]:
    if not root.inner:
        return
    yield from _key_problems("rubric", "the rubric", root)
    scale, dimensions = root.inner.get("scale"), root.inner.get("dimensions")
    grades = None
    if scale is not None:
        yield from _key_problems("scale", "scale", scale)
        wrong: list[_Problem] = []
        grades = _checked_scale(scale, wrong)
        yield from wrong
    if dimensions is not None and not dimensions.inner:
        got = "none" if dimensions.value in (None, {}) else repr(dimensions.value)
        yield dimensions.line, f"dimensions must map a name to each question, got {got:.60}."
    taken: dict[str, Any] = {}
    for name, entry in dimensions.inner.items() if dimensions is not None else ():
        yield from _dimension_problems(name, entry, grades)
        if (other := taken.setdefault(str(name).casefold(), name)) != name:
            yield entry.line, f"dimensions {other!r} and {name!r} differ by letter case alone."


def _dimension_problems(name: Any, entry: _Entry, scale: Scale | None) -> Iterator[_Problem]:
    if not isinstance(name, str):
        yield (
            entry.line,
            f"the dimension {entry.key or 'null'} is named by no text; put quotes around it, here"
            f" and below name: '{entry.key}'.",
        )
        return
    if not _DIMENSION.fullmatch(name):
        yield (
            entry.line,
            f"a dimension's name is of letters, digits, _ - . and blanks within, at most 80, got"
            f" {name!a:.100}.",
        )
    yield from _key_problems("dimension", f"dimension {name!r}", entry)
    said, levels, view = (entry.inner.get(key) for key in ("name", "levels", "view"))
    if said is not None and isinstance(said.value, str) and said.value not in (name, ""):
        yield said.line, f"dimension {name!r} is named {said.value!r}; name it {name!r}."
    if levels is not None:
        yield from _level_problems(name, levels, scale)
    if view is not None:
        yield from _view_problems(f"view of dimension {name!r}", view)


def _view_problems(where: str, view: _Entry) -> Iterator[_Problem]:
    wrong = list(_key_problems("view", where, view))
    yield from wrong
    if not wrong and view.value["_target_"] == _VIEW:
        try:
            ViewRule(**{key: one for key, one in view.value.items() if key not in _HYDRA_KEYS})
        except ValueError as error:
            yield view.line, f"{where}: {error}"


def _key_problems(part: str, what: str, entry: _Entry) -> Iterator[_Problem]:
    target, needed, optional_keys = _CLASSES[part]
    known = ", ".join((*needed, *optional_keys))
    if not entry.inner:
        yield entry.line, f"{what} must be a mapping of {known}, got {entry.value!r:.60}."
        return
    named = entry.value.get("_target_")
    if wrong := _class_problem(named, target):
        where = entry.inner.get("_target_", entry)
        yield where.line, f"{what} {wrong}; write `_target_: {target}` below it."
        if named is not None:
            return
    for key in needed:
        if key not in entry.inner:
            yield entry.line, f"{what} has no {key}; its keys are {known}."
    if named not in (None, target):
        return  # a class of one's own may take other keys
    for key, value in entry.inner.items():
        if key not in (*needed, *optional_keys, *_HYDRA_KEYS):
            yield value.line, f"{what} has an unknown key {key!r}; its keys are {known}."
        # Words and mark of a scale are checked with its grades.
        elif part != "scale" and (wrong := _text_key_problem(key, value)):
            or_leave_out = "; without it, leave the line out" if key in optional_keys else ""
            yield value.line, f"{what}: {key} {wrong}{or_leave_out}."


def _class_problem(named: Any, target: str) -> str:
    """What is wrong with the class of a part; "" for the expected one, or one of the user's."""
    if named is None:
        return "has no _target_"
    if named != target and any(named == other for other, *_ in _CLASSES.values()):
        return f"is no {named}"
    problem = target_problem(named)
    return f"has a wrong {problem.rstrip('.?')}" if problem else ""


def _text_key_problem(key: str, entry: _Entry) -> str:
    """Why a value is no text, for keys that want one; an article may be empty."""
    if key not in _TEXT_KEYS or (key, entry.value) == ("article", ""):
        return ""
    return _text_problem(entry)


def _text_problem(entry: _Entry) -> str:
    """Why a value is no text; "" where it is one, as an unquoted yes or no is."""
    value = entry.value
    if isinstance(value, bool) and entry.said.lower() in ("yes", "no"):
        return ""
    if isinstance(value, bool | int | float):
        return f"must be a text, and YAML reads {entry.said} as none; put quotes around it"
    if not isinstance(value, str) or value.strip() in ("", "???"):
        return f"must be a text, got {'nothing' if value is None else repr(value)[:60]}"
    # A backslash in front takes the sign literally.
    if re.search(r"(?<!\\)\$\{", value):
        return (
            "holds ${, which here refers to another key; to have the signs themselves, write \\${,"
            " without double quotes around the text"
        )
    return ""


def _checked_scale(entry: _Entry, problems: list[_Problem]) -> Scale | None:
    """The scale; None where its grades are wrong, or it is of a class of the user's own."""
    if "grades" not in entry.inner or entry.value.get("_target_") not in (None, _SCALE):
        return None
    try:
        scale = Scale(entry.value["grades"])
    except ValueError as error:
        problems.append((entry.inner["grades"].line, str(error)))
        return None
    words, not_applicable = entry.inner.get("words"), entry.inner.get("not_applicable")
    if words is not None:
        wrong = [f"scale: a word {why}." for word in words.items if (why := _text_problem(word))]
        problems += [
            (words.line, why) for why in wrong[:1] or _scale_refusal(scale, words=_word_list(words))
        ]
    if not_applicable is not None:
        problems += [
            (not_applicable.line, why)
            for why in _scale_refusal(scale, not_applicable=not_applicable.value)
        ]
    return scale


def _word_list(words: _Entry) -> Any:
    """Words as they are written: YAML reads an unquoted yes as true."""
    return [word.said.lower() if isinstance(word.value, bool) else word.value
            for word in words.items] or words.value  # fmt: skip


def _scale_refusal(scale: Scale, **keys: Any) -> list[str]:
    """Why the scale cannot have these words or this mark, in one line or none."""
    try:
        Scale(scale.grades, **keys)
    except ValueError as error:
        return [str(error)]
    return []


def _level_problems(name: str, levels: _Entry, scale: Scale | None) -> Iterator[_Problem]:
    where = f"dimension {name!r}"
    if not levels.inner:
        yield (
            levels.line,
            f"{where}: levels must map each grade to what earns it (`1: ...`), got"
            f" {levels.value!r:.60}.",
        )
        return
    for level in levels.inner.values():
        if wrong := _text_problem(level):
            yield level.line, f"{where}: level {level.key} {wrong}."
    if scale is None:
        return
    # YAML reads a quoted number as a text, and an unquoted yes or no as a bool.
    numbers = [str(grade) for grade in scale.grades]
    if quoted := [key for key in levels.inner if isinstance(key, str) and key in numbers]:
        yield levels.line, f"{where}: levels are for {quoted[0]!r}, a text; take the quotes off."
        return
    # True equals 1, and would pass for that grade.
    graded = {key for key in levels.inner if not isinstance(key, bool)} & set(scale.grades)
    by_key = levels.inner.items()
    no_grades = [level for key, level in by_key if isinstance(key, bool) or key not in graded]
    if missing := [grade for grade in scale.anchors if grade not in graded]:
        also = f", and one for {no_grades[0].key}, which is no grade" if no_grades else ""
        yield (
            levels.line,
            f"{where} has no level for grade {', '.join(map(str, missing))}{also}; write what earns"
            f" it: `{missing[0]}: ...` below levels.",
        )
    # The first of them was told together with the missing grades.
    for level in no_grades[bool(missing) :]:
        yield (
            level.line,
            f"{where} has a level for {level.key}, which is no grade: a grade is {scale}. Take it"
            " out, or add the grade to scale.grades.",
        )
