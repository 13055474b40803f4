"""What a run is called: the keys that decide its numbers, and its variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from memalign_bench.config.composing import default_config
from memalign_bench.config.searchpath import config_dir, search_word
from memalign_bench.errors import RecordError
from memalign_bench.study.records import read_json
from memalign_bench.wording import setting_text

__all__ = [
    "deciding_keys",
    "default_keys",
    "identity_keys",
    "is_only_rubric",
    "learns_criteria",
    "variant_of",
]

_RUN_KEYS = ("applicability", "folds", "rubric.name", "splits.name")
"""Keys that decide the numbers of every alignment."""

_LABEL_KEYS = ("n_train", "label_noise")
"""Keys that decide the numbers of every alignment that uses training labels."""

_LABEL_DEFAULTS: Mapping[str, Any] = {"n_train": None, "label_noise": 0}
"""Defaults of the label keys."""

_JUDGE_KEYS = ("view", "scoring", "prompt", "prior", "attack")
"""Keys that decide the numbers of every alignment that asks a model."""

_EXAMPLE_KEYS = ("view.example_tokens", "view.example_request")
"""Keys of how examples are shown: they decide no number where no model is shown any."""

_ALWAYS_IDENTIFYING = ("facts.",)
"""Keys that have been in the identity of every alignment that uses them, from the first."""

_LATER_KEYS: Mapping[str, tuple[Any, ...]] = {
    "n_train": (None,),
    "label_noise": (0,),
    "memory.query": ("view",),
    "memory.diversity": (None, 0),
    "prior": ("none",),
    "prompt.examples": ("section",),
    "prompt.rationales": (True,),
    "backend.context": (None, 8192),
}
"""Keys that earlier runs did not know, and the values that say what those runs did. At such a value
a key stays out of a run's identity, so that records made before it keep their names."""

_GROUPS = ("backend", "dataset", "alignment")
"""Groups whose choices set other defaults, or have columns of their own."""

_NAMED_GROUPS = ("scoring", "view", "distiller", "embedder", "splits", "attack")
"""Groups whose choice stands in a variant by its name; what it brings along is usual for it."""


def deciding_keys(plain: Mapping[str, Any], alignment: Any) -> dict[str, Any]:
    """Flat keys and values that decide the numbers of this alignment, sorted."""
    from memalign_bench.alignment.base import uses_labels

    keys = [*_RUN_KEYS, *(_JUDGE_KEYS if alignment.needs_model else ()), *alignment.keys]
    if uses_labels(alignment) or learns_criteria(plain, alignment):
        keys += _LABEL_KEYS
    flat: dict[str, Any] = {}
    for key in keys:
        node: Any = plain
        for part in key.split("."):
            if key == "backend.context" and part not in node:
                node = None  # a backend of one's own need not know its context
                break
            node = node[part]
        if key in ("reflection", "embedding"):  # a backend: its identity decides its answers
            node = {"name": node["name"]} if node else {}
        flat |= dict(_leaves(key, node))
    unread = () if alignment.needs_model else _EXAMPLE_KEYS
    return {key: flat[key] for key in sorted(flat) if key not in unread}


def learns_criteria(plain: Mapping[str, Any], alignment: Any) -> bool:
    """Whether a checklist's answers are put together by what training labels taught."""
    return bool(alignment.needs_model and plain["scoring"].get("combine") == "learnt")


def identity_keys(
    deciding: Mapping[str, Any], defaults: Mapping[str, Any], alignment: Any
) -> dict[str, Any]:
    """The deciding keys that go into a run's identity.

    Left out are keys that came later and say nothing new. The keys of an alignment without a model
    were not in its identity once; they are where they were set away from what is usual.
    """
    omitted_at_default = {
        key
        for key in deciding
        if not alignment.needs_model
        and not key.startswith((*_RUN_KEYS, *_LABEL_KEYS, *_ALWAYS_IDENTIFYING))
    }
    return {
        key: value
        for key, value in deciding.items()
        # Compared as Python does: 0.0, as `label_noise` is written, is 0 there.
        if value not in _LATER_KEYS.get(key, ())
        and not (key in omitted_at_default and key in defaults and defaults[key] == value)
    }


def _leaves(key: str, node: Any) -> Iterator[tuple[str, Any]]:
    """Flat keys and values below a node, without class paths; an empty node has none."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name not in ("_target_", "_convert_"):
                yield from _leaves(f"{key}.{name}", value)
    else:
        yield key, node


def default_keys(
    choices: Mapping[str, str], search: Sequence[str], alignment: Any
) -> dict[str, Any]:
    """The deciding keys at their defaults, given this backend, data set and alignment.

    What comes along with another choice (`scoring=logprob`) is usual for it, so of that choice only
    the name is told apart.
    """
    # Backend, data set and alignment bring their own defaults along; a tracker brings none, and is
    # said so that a request that chooses no more than these is composed once.
    groups = (*_GROUPS, "tracker")
    defaults, default_choices = _keys_with_choices(choices, search, groups, alignment)
    changed = [name for name in _NAMED_GROUPS if choices[name] != default_choices[name]]
    defaults = {**_LABEL_DEFAULTS, **defaults}
    if not changed:
        return defaults
    # Another scoring or view brings its keys along: only its name differs from the default.
    with_changed, _ = _keys_with_choices(choices, search, (*groups, *changed), alignment)
    names = [f"{name}.name" for name in changed]
    return {**_LABEL_DEFAULTS, **with_changed, **{name: defaults.get(name) for name in names}}


def _keys_with_choices(
    choices: Mapping[str, str], search: Sequence[str], groups: Sequence[str], alignment: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """Deciding keys with the given groups' choices and nothing else set, and all choices then."""
    chosen = {name: choices[name] for name in groups if name in choices}
    overrides = [f"{name}={choice}" for name, choice in chosen.items()]
    # Hydra looks into the user's folders last, and our choices name none of theirs.
    ours = all(
        (config_dir() / name / f"{choice}.yaml").is_file() for name, choice in chosen.items()
    )
    overrides += [search_word(search)] if search and not ours else []
    # As a tuple: what is cached goes by its arguments.
    plain, all_choices = default_config(tuple(overrides))
    return deciding_keys(plain, alignment), dict(all_choices)


def variant_of(name: str, deciding: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Alignment and each deciding key that was set away from its default.

    A changed choice stands by its name (`distiller=llm`).
    """
    changed = {
        key.removesuffix(".name"): value
        for key, value in deciding.items()
        if defaults.get(key) != value
    }
    return ",".join(
        [name, *(f"{key}={setting_text(value)}" for key, value in sorted(changed.items()))]
    )


def is_only_rubric(rubric: str, swept: Sequence[str] | None, study_dir: Path) -> bool:
    """Whether this run's rubric goes unnamed in its variant, as the only or first of its study.

    A study's first rubric stays unnamed, and every other one is named, whatever is run again.

    Args:
        rubric: The name of this run's.
        swept: Names of those that the sweep of this run takes in turn, if it takes several.
        study_dir: The study's folder, which may hold runs of other rubrics.

    Raises:
        RecordError: If a run there has no manifest that can be read.
    """
    if len(swept or ()) > 1:
        return False
    # Whatever an earlier run of the same rubric did is kept, so that it resumes under its name.
    has_others = False
    for path in sorted((study_dir / "runs").glob("*/manifest.json")):
        manifest = read_json(path)
        try:
            name_there, variant = manifest["rubric"]["name"], manifest["variant"]
        except (KeyError, TypeError) as error:
            raise RecordError(f"{path} is no run's manifest; delete it and run again.") from error
        if name_there == rubric:
            return ",rubric=" not in variant
        has_others = True
    return not has_others
