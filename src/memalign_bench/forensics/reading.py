"""Reads published figures from YAML, and reports every problem of a file at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from memalign_bench.errors import DataError, RequestError
from memalign_bench.forensics import values
from memalign_bench.forensics.figures import DimensionFigures, PublishedStudy, StudyDesign
from memalign_bench.forensics.values import WrongValueError

__all__ = ["read_figures", "shipped_figures"]

_SHIPPED = "reported.yaml"

_PROTOCOL_KEYS: Mapping[str, Callable[[Any], Any]] = {
    "notebooks": values.count,
    "score_scale": values.scale,
    "dimensions": values.names,
    "confidence_level": values.share,
    "bootstrap_sample_size": values.count,
    "dimensions_at_or_below_0_10_unaligned": values.whole,
    "memories": values.memories,
}
_UNCHECKED: Mapping[str, Callable[[Any], Any]] = {
    "folds": values.count,
    "bootstrap_resamples": values.count,
    "bootstrap_sample_wording": values.text,
    "seconds_per_alignment_fold": values.real,
}
"""Keys that no check uses."""

_RENAMED = {"dimensions_at_or_below_0_10_unaligned": "low_error_dimensions"}
_REQUIRED = ("notebooks", "score_scale")

_FIGURES: Mapping[str, Callable[[Any, StudyDesign], Any]] = {
    "unaligned_mae": values.error,
    "aligned_mae": values.error,
    "improvement": values.gain,
    "reduction_pct": values.percent,
    "ci": values.interval,
    "unaligned_mae_below": values.error,
    "significant": values.flag,
    "degraded": values.flag,
    "n_items": values.n_items,
}


class _Loader(yaml.SafeLoader):
    """Keeps numbers as they were printed (`0.680`), and refuses a key given twice."""


def _construct_decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal | str:
    try:
        return Decimal(node.value.replace("_", ""))
    except InvalidOperation:  # .nan, .inf: refused where a number is wanted
        return str(node.value)


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [str(key.value) for key, _ in node.value]
    # PyYAML silently takes the last of two equal keys.
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        line = node.start_mark.line + 1
        raise yaml.MarkedYAMLError(
            problem=f"{', '.join(twice)} given twice in the block at line {line}; keep one"
        )
    return loader.construct_mapping(node, deep=True)


# On the subclass alone: `add_constructor` copies the table of SafeLoader before it adds.
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_decimal)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def shipped_figures() -> PublishedStudy:
    """The published study's figures, as they ship with the package."""
    text = (files("memalign_bench.forensics") / _SHIPPED).read_text(encoding="utf-8")
    return _study_of_text(text, _SHIPPED)


def read_figures(path: Path) -> PublishedStudy:
    """Figures of a file of the form of `reported.yaml`.

    Raises:
        RequestError: If there is no such file.
        DataError: If it is not of that form; names every key that is wrong, and the remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RequestError(
            f"no figures at {str(path)!r}; name a YAML file: figures=FILE."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read {str(path)!r} as UTF-8 text: {error}.") from error
    return _study_of_text(text, path.name)


def _study_of_text(text: str, name: str) -> PublishedStudy:
    content = _parse_yaml(text, name)
    problems: list[str] = []
    # What is left after these two keys are experiments.
    source = content.pop("source", "") or name
    protocol = content.pop("protocol", None)
    design = _read_design(protocol, problems)
    experiments = {
        str(experiment): _read_experiment(str(experiment), dimensions, design, problems)
        for experiment, dimensions in content.items()
    }
    if not experiments:
        problems.append("no experiment: add a block NAME: {dimension: {unaligned_mae: 0.680, ...}}")
    if problems:
        raise DataError(name, problems)
    return PublishedStudy(str(source), design, experiments)


def _parse_yaml(text: str, name: str) -> dict[str, Any]:
    try:
        # A subclass of SafeLoader: no tag of the file can make any other Python object.
        content = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise DataError(name, [f"cannot be read as YAML: {message}"]) from error
    if not isinstance(content, dict):
        raise DataError(name, ["holds no keys; begin with protocol: {notebooks: 50, ...}"])
    return content


def _read_design(protocol: object, problems: list[str]) -> StudyDesign:
    """The design; where it cannot be read, a wide one, so that the rest is checked all the same."""
    fallback = StudyDesign(notebooks=10**6, score_scale=(0, 10**6))
    if not isinstance(protocol, dict):
        problems.append("protocol: missing; add protocol: {notebooks: 50, score_scale: [1, 2, 3]}")
        return fallback
    missing = [key for key in _REQUIRED if protocol.get(key) is None]
    problems += [f"protocol.{key}: missing; add it" for key in missing]
    values_read = _read_values("protocol", protocol, {**_PROTOCOL_KEYS, **_UNCHECKED}, problems)
    used = {
        _RENAMED.get(key, key): value for key, value in values_read.items() if key in _PROTOCOL_KEYS
    }
    defaults = {"notebooks": fallback.notebooks, "score_scale": fallback.score_scale}
    return StudyDesign(**{**defaults, **used})


def _read_experiment(
    name: str, dimensions: object, design: StudyDesign, problems: list[str]
) -> dict[str, DimensionFigures]:
    if not isinstance(dimensions, dict):
        problems.append(f"{name}: an experiment is a block of dimensions, got {dimensions!r}")
        return {}
    return {
        str(dimension): _read_dimension(
            f"{name}.{dimension}", str(dimension), figures, design, problems
        )
        for dimension, figures in dimensions.items()
    }


def _read_dimension(
    where: str, dimension: str, figures: object, design: StudyDesign, problems: list[str]
) -> DimensionFigures:
    if not isinstance(figures, dict):
        problems.append(f"{where}: wants keys such as unaligned_mae: 0.680, got {figures!r}")
        return DimensionFigures()
    if design.dimensions and dimension not in design.dimensions:
        problems.append(
            f"{where}: not among protocol.dimensions{_hint(dimension, design.dimensions)}"
        )
    checks = {
        # Bound as a default, else all would see the last check.
        key: (lambda value, check=check: check(value, design))
        for key, check in _FIGURES.items()
    }
    return DimensionFigures(**_read_values(where, figures, checks, problems))


def _read_values(
    where: str,
    entries: Mapping[Any, object],
    checks: Mapping[str, Callable[[Any], Any]],
    problems: list[str],
) -> dict[str, Any]:
    """The values that can be read; what cannot is added to the problems."""
    values_read = {}
    for key, value in entries.items():
        if key not in checks:
            problems.append(f"{where}.{key}: unknown key{_hint(str(key), checks)}")
        # A key without a value counts as not printed.
        elif value is not None:
            try:
                values_read[key] = checks[key](value)
            except WrongValueError as error:
                problems.append(f"{where}.{key}: {error}")
    return values_read


def _hint(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, [*known], n=1)
    return f". Did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
