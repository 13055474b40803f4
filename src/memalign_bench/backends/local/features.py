"""What llama.cpp is built with, and what of the processor it leaves lying.

Another set of features is other arithmetic: the same weights give other bits.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from memalign_bench.backends.local.library import load_llama_cpp

__all__ = ["FEATURES", "Build", "Feature", "build_here", "processor_flags", "unused_features"]

_CPUINFO = Path("/proc/cpuinfo")


class Feature(NamedTuple):
    """A feature of x86 processors under its three names.

    Attributes:
        flags: What /proc/cpuinfo lists where the processor has it.
        option: The CMake option of llama.cpp that builds for it.
        name: What a finished build reports.
        by_option: Whether builds that name it by its option run: gcc 12 turns the others into
            programs that crash, so they are left to a compiler that finds them out by itself.
    """

    flags: tuple[str, ...]
    option: str
    name: str
    by_option: bool = True


FEATURES = (
    Feature(("avx",), "GGML_AVX", "AVX"),
    Feature(("avx2",), "GGML_AVX2", "AVX2"),
    Feature(("f16c",), "GGML_F16C", "F16C"),
    Feature(("fma",), "GGML_FMA", "FMA"),
    Feature(("bmi2",), "GGML_BMI2", "BMI2"),
    Feature(("avx_vnni",), "GGML_AVX_VNNI", "AVX_VNNI", by_option=False),
    # One option of llama.cpp, five flags of the compiler.
    Feature(("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"), "GGML_AVX512", "AVX512"),
    Feature(("avx512vbmi",), "GGML_AVX512_VBMI", "AVX512_VBMI"),
    Feature(("avx512_vnni",), "GGML_AVX512_VNNI", "AVX512_VNNI"),
    Feature(("avx512_bf16",), "GGML_AVX512_BF16", "AVX512_BF16", by_option=False),
    # amx_bf16 stands beside it in /proc/cpuinfo, but no build reports or uses it.
    Feature(("amx_tile", "amx_int8"), "GGML_AMX_INT8", "AMX_INT8", by_option=False),
)


class Build(NamedTuple):
    """A build of llama.cpp.

    Attributes:
        version: xllamacpp's.
        features: What of the processor it was built to use, sorted.
        grammar: What holds an answer to its JSON schema, `llguidance` or llama.cpp's own `gbnf`;
            "" in records that are older than this field.
    """

    version: str
    features: tuple[str, ...]
    grammar: str = ""

    @property
    def description(self) -> str:
        """The build as messages name it."""
        schemas = f", schemas by {self.grammar}" if self.grammar else ""
        return f"{self.version} with {', '.join(self.features)}{schemas}"


def build_here() -> Build:
    """The build that this process would load."""
    from importlib.metadata import version

    xllamacpp = load_llama_cpp()
    # What the server does with every schema. llama.cpp itself tells the two apart by this mark.
    as_grammar = xllamacpp.json_schema_to_grammar({"type": "string"})
    grammar = "llguidance" if as_grammar.startswith("%llguidance") else "gbnf"
    features = _reported_features(xllamacpp.get_system_info())
    return Build(version("xllamacpp"), features, grammar)


def _reported_features(system_info: str) -> tuple[str, ...]:
    """Names that llama.cpp says are on.

    >>> _reported_features("CPU : SSE3 = 1 | AVX = 1 | AMX_INT8 = 0 | REPACK = 1 | ")
    ('AVX', 'REPACK', 'SSE3')
    """
    pairs = (part.rpartition(":")[2].split("=") for part in system_info.split("|") if "=" in part)
    return tuple(sorted(name.strip() for name, value in pairs if value.strip() == "1"))


def processor_flags(cpuinfo: str | None = None) -> frozenset[str]:
    r"""What the first processor of /proc/cpuinfo can do; empty where there is none (macOS, ARM).

    >>> sorted(processor_flags("model name\t: X\nflags\t\t: fpu avx2 avx512f"))
    ['avx2', 'avx512f', 'fpu']
    """
    if cpuinfo is None:
        cpuinfo = _CPUINFO.read_text() if _CPUINFO.is_file() else ""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return frozenset(value.split())
    return frozenset()


def unused_features(build: Build, flags: Collection[str]) -> tuple[str, ...]:
    """Features that the processor has and the build does not use.

    >>> unused_features(Build("1", ("AVX", "AVX2")), {"avx", "avx2", "avx_vnni", "amx_bf16"})
    ('AVX_VNNI',)
    """
    supported = (feature.name for feature in FEATURES if set(feature.flags) <= set(flags))
    return tuple(name for name in supported if name not in build.features)
