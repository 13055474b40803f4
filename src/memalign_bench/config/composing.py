"""What is asked of a composed configuration: plain values, open keys, references that break."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from memalign_bench.config.compositions import FilesState, composed, files_state
from memalign_bench.config.searchpath import SEARCHPATH, config_dir
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = [
    "CONFIG_NAMES",
    "default_config",
    "mapping_problems",
    "plain_values",
    "run_keys",
    "with_open_keys",
]

CONFIG_NAMES = (
    "run",
    "headroom",
    "report",
    "paper",
    "corpus",
    "validate",
    "cassette",
    "export_judge",
    "forensics",
    "certify",
    "doctor",
    "rubric",
    "generate",
    "score",
    "gate",
    "leaderboard",
    "label",
)
"""Commands, each with a configuration of its own name in `conf/`."""


def with_open_keys(command: str, overrides: Sequence[str]) -> list[str]:
    """Overrides, those of open-ended mappings marked so that Hydra takes keys it does not know.

    A mapping is open-ended where its YAML, or one of ours of its group, declares it empty
    (`grades: {}`); every other key that is not known stays an error.

    >>> words = ["dataset=files", "dataset.grades={poor: 1}", "dataset.path=x"]
    >>> with_open_keys("validate", words)[1:]
    ['++dataset.grades={poor: 1}', 'dataset.path=x']
    """
    # Cheap tests first: most requests set no mapping, and composing takes time.
    # Of a sweep over choices the first stands for all.
    choices = [word.split(",")[0] for word in overrides if _is_choice(word)]
    groups = {word.partition("=")[0] for word in choices}
    candidates = {
        word
        for word in overrides
        if _MAYBE_OF_MAPPING.match(word) or _sets_unchosen_group(word, groups)
    }
    if not candidates:
        return list(overrides)
    # Which mappings are open shows only once the choices are composed.
    search = [word for word in overrides if word.startswith(SEARCHPATH)]
    composed_values = plain_values(composed(command, [*search, *choices]).cfg, raw=True)
    open_mappings = (
        *_empty_mappings(composed_values),
        *_filled_mappings(composed_values, candidates),
    )
    return [
        f"++{word}"
        if word in candidates and _is_below_any(word.partition("=")[0], open_mappings)
        else word
        for word in overrides
    ]


_MAYBE_OF_MAPPING = re.compile(r"[A-Za-z_]\w*(\.\w+)+=\s*\{|[A-Za-z_]\w*(\.\w+)+\.[^=]+=")
"""An override that may set a mapping (`a.b={...}`), or a key inside of one (`a.b.c=`)."""


def _is_choice(word: str) -> bool:
    return "." not in word.partition("=")[0] and (config_dir() / word.partition("=")[0]).is_dir()


def _sets_unchosen_group(word: str, groups: set[str]) -> bool:
    """Whether a word sets a key of a group of which nothing is chosen (`dataset.path=`)."""
    group, dot, _ = word.partition("=")[0].partition(".")
    return bool(dot) and group not in groups and (config_dir() / group).is_dir()


def _is_below_any(key: str, mappings: tuple[str, ...]) -> bool:
    return any(key == mapping or key.startswith(f"{mapping}.") for mapping in mappings)


def _filled_mappings(composed_values: Mapping[str, Any], words: Iterable[str]) -> Iterator[str]:
    """Mappings that a YAML of one's own has filled, and one of ours in the group leaves open."""
    import yaml

    for group in sorted({word.partition("=")[0].partition(".")[0] for word in words}):
        node = composed_values.get(group)
        for path in sorted((config_dir() / group).glob("*.yaml")):
            # A choice that stands at the top of all keys has its group's node inside.
            declared = yaml.safe_load(path.read_text("utf-8")) or {}
            for name in _empty_mappings(declared):
                # A key that is no mapping in this choice is no open one of it either.
                if isinstance(node, Mapping) and isinstance(node.get(name), Mapping):
                    yield f"{group}.{name}"


def _empty_mappings(node: Mapping[Any, Any], lead: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _empty_mappings(value, f"{lead}{key}.") if value else (f"{lead}{key}",)


def default_config(overrides: tuple[str, ...]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Plain values of `run` with these overrides and nothing else set, and the choices then."""
    return _default_config(overrides, files_state(overrides))


# A sweep builds every job twice, to check it and to run it.
@lru_cache(maxsize=128)
def _default_config(
    overrides: tuple[str, ...], state: FilesState
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """The same, kept for a state of the files."""
    del state
    # What is cached is shared by all callers: they copy what they change.
    job = composed("run", overrides)
    return plain_values(job.cfg, complete=False), job.choices


@cache
def run_keys() -> Mapping[str, Set[str]]:
    """What stands before a key -> keys that may follow, groups among them at the top ("").

    Read from the files themselves: composing takes a thousand times as long.
    """
    import yaml

    written = yaml.safe_load((config_dir() / "run.yaml").read_text(encoding="utf-8"))
    stats = yaml.safe_load((config_dir() / "stats" / "default.yaml").read_text(encoding="utf-8"))
    defaults = [entry for entry in written.pop("defaults") if isinstance(entry, dict)]
    # `view@facts` stands at `facts`; `override hydra/job_logging` adds no key.
    groups = {name.split("@")[-1] for entry in defaults for name in entry if " " not in name}
    brought_along = {"applicability", "calibration"}  # by the YAML of a scoring
    top = {*written, *groups, *brought_along}
    return {"": top, "claims.": {*written["claims"]}, "stats.": {*stats}}


def mapping_problems(command: str, cfg: DictConfig) -> Iterator[str]:
    """Keys at the top that hold keys of their own and were set to something else (`memory=4`)."""
    from omegaconf import OmegaConf

    for key, keys_there in _mappings_at_top(command).items():
        if key in cfg and not OmegaConf.is_dict(cfg[key]):
            yield (
                f"{key} must be a mapping of its keys, got {cfg[key]!r}; set one of"
                f" {', '.join(f'{key}.{name}' for name in keys_there)}."
            )


@cache
def _mappings_at_top(command: str) -> Mapping[str, Sequence[str]]:
    """Keys at the top of the command's YAML that hold keys, and those; groups are chosen."""
    import yaml

    found: dict[str, Sequence[str]] = {}
    for name in ("run", "headroom") if command == "headroom" else (command,):
        written = yaml.safe_load((config_dir() / f"{name}.yaml").read_text(encoding="utf-8"))
        found |= {
            key: [inner for inner in value if not inner.startswith("_")]
            for key, value in written.items()
            if isinstance(value, dict) and not (config_dir() / key).is_dir() and key != "hydra"
        }
    return found


def _problem_lines(cfg: DictConfig, error: Any) -> str:
    """The message for keys that must still be set, or else for those that refer to nothing."""
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue

    lines = []
    unset = OmegaConf.missing_keys(cfg) if isinstance(error, MissingMandatoryValue) else ()
    for key in sorted(unset):
        group = key.partition(".")[0]
        choice = OmegaConf.select(cfg, f"{group}.name", default=None) if "." in key else None
        reason = f"{group}={choice} needs it: " if choice else ""
        lines.append(f"{key} must be set on the command line ({reason}{key}=...).")
    # Several keys may fail by one reference; each line is said once.
    return (
        "\n".join(lines or dict.fromkeys(_broken_references(cfg)))
        or f"{_reference_problem(error)}."
    )


def _broken_references(node: Any) -> Iterator[str]:
    """A line for each value whose interpolation cannot be resolved."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for key in node if OmegaConf.is_dict(node) else range(len(node)):
        try:
            # A key that is still "???" would raise when it is read, and refers to nothing.
            value = None if OmegaConf.is_missing(node, key) else node[key]
        except OmegaConfBaseException as error:
            yield f"{_reference_problem(error)}."
            continue
        # What an interpolation leads to is visited where it stands itself.
        if OmegaConf.is_config(value) and not OmegaConf.is_interpolation(node, key):
            yield from _broken_references(value)


def _reference_problem(error: Any) -> str:
    """The key of an interpolation, and why it cannot be resolved."""
    key, problem = getattr(error, "full_key", None) or "a key", str(error).splitlines()[0]
    if variable := re.search(r"Environment variable '(.+?)' not found", problem):
        return (
            f"{key}: the environment variable {variable[1]} is not set; export it, or say {key}=..."
            " on the command line"
        )
    return (
        f"{key} refers to something that is not there ({problem}); an environment variable is"
        r" ${oc.env:NAME}, and the signs themselves are written \${"
    )


def plain_values(cfg: DictConfig, *, complete: bool = True, raw: bool = False) -> dict[str, Any]:
    """A configuration as plain values, interpolations resolved (not with `raw`).

    Raises:
        RequestError: If a value is missing (and `complete`), or refers to nothing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain: Any = OmegaConf.to_container(
            cfg, resolve=not raw, throw_on_missing=complete and not raw
        )
    except OmegaConfBaseException as error:
        raise RequestError(_problem_lines(cfg, error)) from error
    result: dict[str, Any] = plain
    return result
