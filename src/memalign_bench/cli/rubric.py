"""`memalign-bench rubric`: a first rubric of one's own, to be filled in."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from memalign_bench.config import check_file, config_dir
from memalign_bench.config.composing import plain_values
from memalign_bench.errors import RequestError
from memalign_bench.scales import plain_number
from memalign_bench.study.records import write_bytes
from memalign_bench.types import Scale

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]

_NAME = re.compile(r"[a-z]\w*", re.IGNORECASE)
# 1-5, or with signs of its ends: -2 - 2, -5--1.
_RANGE = re.compile(r"(-?\d+)\s*-\s*(-?\d+)")

_NOT_APPLICABLE_COMMENT = (
    "  # not_applicable: 0    # only if 0 stands for N/A in your table; the word N/A always does"
)
_BETWEEN_COMMENT = (
    "    # Grades between may have a level too; those without one lie between their neighbours."
)

_WORDS: Mapping[int, Sequence[str]] = {
    2: ("bad", "good"),
    3: ("bad", "average", "good"),
    4: ("very bad", "bad", "good", "very good"),
    5: ("very bad", "bad", "average", "good", "very good"),
}


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Write the rubric; refuses to write over one."""
    # What was not given stays "???", to be told together with all else that is wrong.
    plain = plain_values(cfg, complete=False)
    names, scale = _checked_request(plain)
    path = Path(plain["out"]) / "rubric" / f"{plain['name']}.yaml"
    try:
        # Within `try`: a folder on the way that may not be entered fails here already.
        if path.exists():
            raise RequestError(f"{path} is there already; choose another name= or out=.")
        write_bytes(path, _rubric_yaml(plain["name"], plain["artefact"], names, scale).encode())
    except OSError as error:
        raise RequestError(f"{path} cannot be written ({error.strerror}); set out=.") from error
    # What is written must pass the check that any rubric of the user's has to pass.
    check_file("rubric", path)
    sys.stdout.write(
        f"{path}: asks {', '.join(names)}; a grade is {scale}. Say in it what is"
        " asked and what earns each grade, then\n"
        f"  memalign-bench validate --config-dir {quote(plain['out'])} rubric={plain['name']}\n"
    )
    return 0


def _checked_request(plain: Mapping[str, Any]) -> tuple[list[str], Scale]:
    """Names of the dimensions and the grades; all that is wrong is told at once."""
    wrong = []
    if plain["action"] != "new":
        wrong.append(f"action must be new, got {plain['action']!r}.")
    given = plain["dimensions"]
    names = given if isinstance(given, list) else [given]
    if not names or not all(map(_is_name, names)):
        got = "" if given == "???" else f", got {given!r:.60}"
        wrong.append(
            "dimensions must be names of letters, digits and _, like dimensions=[clarity,tone]"
            f"{got}."
        )
    elif len(names) > len(set(names)):
        wrong.append(f"dimensions must be named apart, got {given!r:.60}.")
    if not _is_name(plain["name"]):
        wrong.append(f"name must be of letters, digits and _, got {plain['name']!r}.")
    elif (config_dir() / "rubric" / f"{plain['name']}.yaml").is_file():
        wrong.append(f"name={plain['name']} is a rubric that is there already; choose another.")
    # In the YAML that is written, `${` would refer to another key.
    for key, what in (("artefact", "what an item is called"), ("out", "a folder")):
        if not isinstance(plain[key], str) or not plain[key].strip() or "${" in plain[key]:
            wrong.append(f"{key} must be {what}, got {plain[key]!r}.")
    scale = _scale_or_reason(plain["scale"])
    if isinstance(scale, str):
        wrong.append(
            f"scale must be like 1-5, [0, 0.5, 1] or FROM/TO/STEP (0/100/1), got"
            f" {plain['scale']!r:.60}{scale}"
        )
    if wrong or isinstance(scale, str):
        raise RequestError("\n".join(wrong))
    return names, scale


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _scale_or_reason(given: Any) -> Scale | str:
    """The scale, or why it is none."""
    if not isinstance(given, str | list):
        return "."
    if bounds := _RANGE.fullmatch(str(given).strip()):
        given = f"{bounds[1]}/{bounds[2]}/1"
    try:
        # Made twice, since only the grades tell how many words are needed.
        scale = Scale(given)
        return Scale(scale.grades, () if scale.is_wide else tuple(_grade_words(scale)), None)
    except ValueError as error:
        return f": {error}"


def _grade_words(scale: Scale) -> Sequence[str]:
    return _WORDS.get(len(scale.grades), [f"grade {grade}" for grade in scale.grades])


def _grades_as_yaml(scale: Scale) -> str:
    """The grades as YAML: a list, or a range where they are many."""
    if not scale.is_ranged:
        return f"[{', '.join(map(str, scale.grades))}]"
    first, second, *_, last = scale.grades
    # The difference of floats like 0.3 and 0.2 is no 0.1 before it is rounded.
    return f"{first}/{last}/{plain_number(round(second - first, 9))}    # FROM/TO/STEP"


def _as_yaml(text: str) -> str:
    """A text as YAML, in quotes where it would be read as something else."""
    import yaml

    try:
        # A JSON string is a string of YAML in double quotes too.
        return text if yaml.safe_load(text) == text else json.dumps(text, ensure_ascii=False)
    except yaml.YAMLError:
        return json.dumps(text, ensure_ascii=False)


def _rubric_yaml(name: str, artefact: str, names: Sequence[str], scale: Scale) -> str:
    is_listed = not scale.is_wide
    lines = [
        f"# The rubric {name}: say what is asked, and what earns each grade.",
        "_target_: memalign_bench.types.Rubric",
        f"name: {_as_yaml(name)}",
        f"artefact: {_as_yaml(artefact):<14} # what an item is called in prompts",
        "scale:",
        "  _target_: memalign_bench.types.Scale",
        f"  grades: {_grades_as_yaml(scale)}",
        # A list times False is empty: such a line is left out.
        *([f"  words: [{', '.join(scale.words)}]    # one a grade, in the same order"] * is_listed),
        *([_NOT_APPLICABLE_COMMENT] * (0 not in scale.grades)),
        "dimensions:",
    ]
    words = [
        # A wide scale has levels at its two ends, for which two words do.
        scale.word(grade) if is_listed else _WORDS[2][index]
        for index, grade in enumerate(scale.anchors)
    ]
    levels = [
        f"      {grade}: {word.capitalize()}."
        for grade, word in zip(scale.anchors, words, strict=True)
    ]
    for dimension in names:
        title = dimension.replace("_", " ").capitalize()
        lines += [
            f"  {_as_yaml(dimension)}:",
            "    _target_: memalign_bench.types.DimensionRubric",
            f"    name: {_as_yaml(dimension)}",
            f"    title: {_as_yaml(title)}",
            f"    question: {_as_yaml(f'How good is the {artefact} in {title.lower()}?')}",
            "    levels:",
            # The best grade first, as in the rubrics of `conf/`.
            *reversed(levels),
            *([_BETWEEN_COMMENT] * (not is_listed)),
            "    # not_applicable: When the question does not apply; without this it always does.",
        ]
    return "\n".join(lines) + "\n"
