"""Builds llama.cpp for this processor, and keeps the build only if it passes a test.

The wheel of the package index must run on every processor, so it uses what all have. Compilers
differ in how far they can be trusted with the rest: clang finds the processor's features out by
itself; gcc 12 does so too, but its programs crash, so others are told which features to use.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from memalign_bench.backends.local.build_proof import Proof
from memalign_bench.backends.local.features import FEATURES
from memalign_bench.errors import BackendError, RequestError

__all__ = [
    "Attempt",
    "Native",
    "build_attempts",
    "build_wheel",
    "first_proven",
    "install",
    "pinned_requirement",
]

_ALWAYS = ("-DLLAMA_BUILD_BORINGSSL=OFF", "-DLLAMA_LLGUIDANCE=OFF")
"""Parts that would be fetched, or want a Rust compiler. Nothing here uses the first. By the second
wheels hold a chat to its JSON schema; without it llama.cpp's own grammar does, so that a verdict
or a guideline may be worded otherwise. Probabilities of grades know no schema."""

_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


class Attempt(NamedTuple):
    """One way to build: a C and a C++ compiler, and options for CMake."""

    cc: str
    cxx: str
    options: tuple[str, ...]


class Native(NamedTuple):
    """A wheel that was built and stood the proof."""

    attempt: Attempt
    wheel: Path
    proof: Proof


def build_attempts(flags: Collection[str], path: str | None = None) -> list[Attempt]:
    """Ways to build on this machine, the most promising first; none without a compiler.

    Args:
        flags: What the processor can do, as /proc/cpuinfo names it.
        path: Where to look for compilers, None for `PATH`.
    """
    ways = []
    # clang first: it finds the processor's features out by itself.
    if clang := _newest_clang(path):
        ways.append(Attempt(*clang, ("-DGGML_NATIVE=ON",)))
    for cc, cxx in (("gcc", "g++"), ("cc", "c++")):
        if shutil.which(cc, path=path) and shutil.which(cxx, path=path):
            ways.append(Attempt(cc, cxx, _options_by_feature(flags)))
            # cc is tried only where there is no gcc.
            break
    return ways


def _newest_clang(path: str | None) -> tuple[str, str] | None:
    """Names of clang and clang++; Debian's carry their version, and no other stands beside them."""
    # Ending of the name -> version: {"": 0, "-19": 19}.
    names = {"": 0}
    folders = os.environ.get("PATH", "") if path is None else path
    for folder in filter(None, folders.split(os.pathsep)):
        for file in Path(folder).glob("clang-*"):
            # Not clang-format and the like.
            if version := re.fullmatch(r"clang(-(\d+))", file.name):
                names[version[1]] = int(version[2])
    # A plain `clang` is the version that this machine's owner chose.
    for ending in sorted(names, key=lambda name: (name != "", -names[name])):
        pair = (f"clang{ending}", f"clang++{ending}")
        if all(shutil.which(name, path=path) for name in pair):
            return pair
    return None


def _options_by_feature(flags: Collection[str]) -> tuple[str, ...]:
    """CMake options that say of every feature whether to use it."""
    options = ["-DGGML_NATIVE=OFF"]
    for feature in FEATURES:
        use = feature.by_option and set(feature.flags) <= set(flags)
        options.append(f"-D{feature.option}={'ON' if use else 'OFF'}")
    return tuple(options)


def pinned_requirement(lock: Path) -> str:
    """The lock file's entry for xllamacpp, with its hashes, as a requirements file.

    Raises:
        RequestError: If it is not there, or does not pin xllamacpp.
    """
    try:
        text = lock.read_text()
    except OSError as error:
        raise RequestError(
            f"{str(lock)!r} cannot be read ({error.strerror}); run make native where it lies."
        ) from error
    # "xllamacpp==1.0 \", then lines "    --hash=sha256:..." that end alike, but for the last.
    entry = re.search(r"^xllamacpp==\S+(?: \\\n +--hash=\S+)+$", text, flags=re.MULTILINE)
    if entry is None:
        raise RequestError(f"{str(lock)!r} does not pin xllamacpp with hashes; run make lock.")
    return f"{entry[0]}\n"


def build_wheel(attempt: Attempt, requirement: str, folder: Path, log: Path) -> Path:
    """Have pip build the pinned source with these compilers; takes minutes.

    Args:
        attempt: The way to build.
        requirement: A requirements file's text, with hashes.
        folder: Where the wheel goes.
        log: Where pip's words go: they may hold addresses, and are shown nowhere else.

    Raises:
        BackendError: If it cannot be built.
    """
    folder.mkdir(parents=True)
    requirements_file = folder / "wanted.txt"
    requirements_file.write_text(requirement)
    # xllamacpp's build hands CMAKE_ARGS on to CMake.
    options = " ".join((*_ALWAYS, *attempt.options))
    environment = {**os.environ, "CC": attempt.cc, "CXX": attempt.cxx, "CMAKE_ARGS": options}
    # Not from pip's cache, which knows a wheel by its source and not by how it was built.
    arguments = ["wheel", "--verbose", "--no-deps", "--no-cache-dir", "--no-binary", "xllamacpp"]
    arguments += [
        "--require-hashes",
        "--requirement",
        str(requirements_file),
        "--wheel-dir",
        str(folder),
    ]
    with log.open("wb") as log_file:
        completed = subprocess.run(
            [*_PIP, *arguments],
            env=environment,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    wheels = list(folder.glob("*.whl"))
    if completed.returncode or len(wheels) != 1:
        raise BackendError(f"it could not be built; see why in {log}")
    return wheels[0]


def install(wheel: Path, target: Path | None = None) -> None:
    """Install a wheel into a folder, or into this environment in place of its own.

    Raises:
        BackendError: If pip cannot.
    """
    # Forced: its version is the installed one's, which pip would leave in place.
    target_options = ["--target", str(target)] if target else ["--force-reinstall"]
    command = [*_PIP, "install", "--quiet", "--no-deps", "--no-index", *target_options, str(wheel)]
    completed = subprocess.run(command, capture_output=True, check=False)
    if completed.returncode:
        raise BackendError(f"pip could not install {wheel.name} (exit {completed.returncode})")


def first_proven(
    ways: Sequence[Attempt],
    build: Callable[[Attempt], Path],
    prove: Callable[[Path], Proof],
    say: Callable[[str], None],
) -> Native | None:
    """Build one way after the other until a wheel stands the proof; None where none does.

    Args:
        ways: The ways, in their order.
        build: Gives a way's wheel.
        prove: Compares a wheel with the one in use.
        say: Tells what becomes of each.
    """
    for way in ways:
        say(f"building with {way.cc} ({' '.join(way.options)}); this takes some minutes")
        try:
            wheel = build(way)
            say("trying it on a small model, in turn with the wheel in use")
            return Native(way, wheel, prove(wheel))
        except BackendError as error:
            say(f"the build with {way.cc} is refused: {error}")
    return None
