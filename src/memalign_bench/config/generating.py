"""What `generate` makes, from its configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.config.building import instantiate_group
from memalign_bench.config.checking import study_name
from memalign_bench.config.composing import plain_values
from memalign_bench.config.values import value_problems
from memalign_bench.errors import RequestError, refuse

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.loop.generate_spec import GenerationSpec

__all__ = ["build_generation", "loop_name"]

_READ_KEYS = (
    *("loop", "results_dir", "rubric", "backend", "cases", "agent", "sandbox", "n", "seed", "only"),
    *("limit", "workers", "max_minutes", "budget_usd", "call_store"),
)
"""Keys that are read; what else a backend brings along is a judge's."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def build_generation(cfg: DictConfig) -> GenerationSpec:
    """Build what one job of `generate` makes.

    Raises:
        RequestError: If a value is missing or refused, with the key and the reason.
        DataError: If the cases have problems.
    """
    from omegaconf import OmegaConf

    from memalign_bench.loop.cases import CaseSet
    from memalign_bench.loop.generate_spec import GenerationSpec

    plain = plain_values(OmegaConf.masked_copy(cfg, list(_READ_KEYS)))
    refuse(value_problems("generate", plain))
    rubric, source, agent = (
        instantiate_group(group, plain) for group in ("rubric", "cases", "agent")
    )
    if not _NAME.fullmatch(agent.name):
        raise RequestError(
            f"agent.name must be letters, digits, '-', '_' or '.', got {agent.name!r}: folders are"
            " named after it."
        )
    # Cases are read now, so that wrong ones stop a sweep before its first job.
    cases = instantiate_group("only", plain).of(source.load(rubric), plain["limit"])
    return GenerationSpec(
        loop=loop_name(plain["loop"]),
        results_dir=Path(plain["results_dir"]),
        agent=agent,
        cases=CaseSet(source, cases),
        rubric=rubric,
        n=plain["n"],
        seed=plain["seed"],
        sandbox=instantiate_group("sandbox", plain),
        backend=instantiate_group("backend", plain),
        workers=plain["workers"],
        call_store=Path(plain["call_store"]) if plain["call_store"] else None,
        budget_usd=plain["budget_usd"],
        max_minutes=plain["max_minutes"],
    )


def loop_name(value: Any) -> str:
    """The name of a loop, which is a folder's.

    Raises:
        RequestError: If it is no plain name.
    """
    try:
        return study_name(value)
    except RequestError as error:
        # The folder of a loop is named by the rules for that of a study; only the key differs.
        raise RequestError(str(error).replace("study", "loop", 1)) from None
