"""`memalign-bench rubric`: a first rubric of one's own, to be filled in."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config import check_rubric
from memalign_bench.errors import RequestError
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]

_NAME = re.compile(r"[a-z]\w*", re.IGNORECASE)
_RANGE = re.compile(r"(\d+)-(\d+)")

_WORDS: Mapping[int, Sequence[str]] = {
    2: ("bad", "good"),
    3: ("bad", "average", "good"),
    4: ("very bad", "bad", "good", "very good"),
    5: ("very bad", "bad", "average", "good", "very good"),
}


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Write the rubric; refuses to write over one."""
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(cfg)
    names, grades = _checked(plain)
    path = Path(plain["out"]) / "rubric" / f"{plain['name']}.yaml"
    if path.exists():
        raise RequestError(f"{path} is there already; choose another name= or out=.")
    write_bytes(path, _text(str(plain["name"]), str(plain["artefact"]), names, grades).encode())
    check_rubric(path)
    sys.stdout.write(
        f"{path}: asks {', '.join(names)}; grades {grades[0]} to {grades[-1]}. Say in it what is"
        " asked and what earns each grade, then\n"
        f"  memalign-bench validate --config-dir {plain['out']} rubric={plain['name']}\n"
    )
    return 0


def _checked(plain: Mapping[str, Any]) -> tuple[list[str], list[int]]:
    """Names of the dimensions and the grades; all that is wrong is told at once."""
    wrong = []
    if plain["action"] != "new":
        wrong.append(f"action must be new, got {plain['action']!r}.")
    said = plain["dimensions"]
    names = [said] if isinstance(said, str) else list(said or [])
    if said == "???" or not names or not all(_NAME.fullmatch(str(name)) for name in names):
        wrong.append(
            "dimensions must be names of letters, digits and _, like dimensions=[clarity,tone], got"
            f" {said!r}."
        )
    if not _NAME.fullmatch(str(plain["name"])):
        wrong.append(f"name must be of letters, digits and _, got {plain['name']!r}.")
    grades = _grades(plain["scale"])
    if grades is None:
        wrong.append(f"scale must be like 1-5, or a list of grades, got {plain['scale']!r}.")
    if wrong or grades is None:
        raise RequestError("\n".join(wrong))
    return [str(name) for name in names], grades


def _grades(scale: Any) -> list[int] | None:
    bounds = _RANGE.fullmatch(str(scale).strip())
    if bounds:
        return list(range(int(bounds[1]), int(bounds[2]) + 1)) or None
    return list(scale) if isinstance(scale, list) and len(scale) > 1 else None


def _text(name: str, artefact: str, names: Sequence[str], grades: Sequence[int]) -> str:
    words = _WORDS.get(len(grades), [f"grade {grade}" for grade in grades])
    lines = [
        f"# The rubric {name}: say what is asked, and what earns each grade.",
        "_target_: memalign_bench.types.Rubric",
        f"name: {name}",
        f"artefact: {artefact:<14} # what an item is called in prompts",
        "scale:",
        "  _target_: memalign_bench.types.Scale",
        f"  grades: [{', '.join(map(str, grades))}]",
        f"  words: [{', '.join(words)}]    # one a grade, in the same order",
        "dimensions:",
    ]
    levels = [f"      {g}: {word.capitalize()}." for g, word in zip(grades, words, strict=True)]
    for dimension in names:
        title = dimension.replace("_", " ").capitalize()
        lines += [
            f"  {dimension}:",
            "    _target_: memalign_bench.types.DimensionRubric",
            f"    name: {dimension}",
            f"    title: {title}",
            f"    question: How good is the {artefact} in {title.lower()}?",
            "    levels:",
            *reversed(levels),
            "    # not_applicable: When the question does not apply; without this it always does.",
        ]
    return "\n".join(lines) + "\n"
