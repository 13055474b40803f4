"""From Hydra's configuration to plain values: the only package that knows config nodes.

`build(cfg)` turns one composed configuration into a `RunSpec`. Everything below it gets frozen
dataclasses, so a misspelt key is refused by name, by Hydra or by a constructor.
"""

from memalign_bench.config.building import (
    build,
    build_tracker,
    built_once,
    chosen_dimensions,
    instance,
    study_of,
)
from memalign_bench.config.composing import CONFIG_NAMES, mapping_problems, with_open_keys
from memalign_bench.config.compositions import Composition, composed
from memalign_bench.config.generating import build_generation, loop_name
from memalign_bench.config.headroom import build_headroom
from memalign_bench.config.rebuilding import backend_from, rebuild
from memalign_bench.config.roles import offer_roles
from memalign_bench.config.rubrics import broken_yaml, check_file, check_files
from memalign_bench.config.searchpath import config_dir
from memalign_bench.config.sections import build_analysis, build_sections
from memalign_bench.config.values import kind_of, settled_values, value_problems

__all__ = [
    "CONFIG_NAMES",
    "Composition",
    "backend_from",
    "broken_yaml",
    "build",
    "build_analysis",
    "build_generation",
    "build_headroom",
    "build_sections",
    "build_tracker",
    "built_once",
    "check_file",
    "check_files",
    "chosen_dimensions",
    "composed",
    "config_dir",
    "instance",
    "kind_of",
    "loop_name",
    "mapping_problems",
    "offer_roles",
    "rebuild",
    "settled_values",
    "study_of",
    "value_problems",
    "with_open_keys",
]
