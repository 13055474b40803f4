"""`make native`: llama.cpp built for the processor at hand, where that proves faster."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from memalign_bench.backends.local.build_proof import Proof, compare_builds, run_trial
from memalign_bench.backends.local.embedded import EmbeddedModel
from memalign_bench.backends.local.features import build_here, processor_flags, unused_features
from memalign_bench.backends.local.native_build import (
    Attempt,
    Native,
    build_attempts,
    build_wheel,
    first_proven,
    install,
    pinned_requirement,
)
from memalign_bench.backends.local.weights_cache import require_weights
from memalign_bench.cli.lines import say
from memalign_bench.config import composed, instance
from memalign_bench.errors import BackendError, MemalignError

__all__ = ["main"]

# Relative, since `make native` runs at the top of a checkout.
_LOCK = Path("requirements.lock")


def main() -> int:
    """Build, prove and take a wheel; 1 where the wheel in use stays though speed is left."""
    try:
        return _build_and_install()
    except MemalignError as error:
        say(str(error))
        return 1


def _build_and_install() -> int:
    requirement, flags, before = pinned_requirement(_LOCK), processor_flags(), build_here()
    unused = unused_features(before, flags)
    if not unused:
        say("the wheel in use leaves nothing of this processor unused that is known of it")
        return 0
    say(f"the wheel in use does not use {', '.join(unused)}")
    attempts = build_attempts(flags)
    if not attempts:
        raise BackendError(
            "there is no compiler here, so the wheel stays; install one (Debian, Ubuntu:"
            " apt-get install clang libomp-dev; else gcc and g++) and run make native again."
        )
    # The smallest of the models that the package can fetch.
    spec: EmbeddedModel = instance(composed("run", ["backend=embedded_smollm2"]).cfg, "backend")
    model = require_weights(spec.weights)
    with tempfile.TemporaryDirectory(prefix="native-") as folder:
        build = partial(_build, requirement, Path(folder))
        native = first_proven(attempts, build, partial(_prove, model), say)
        if native is None:
            say("the wheel in use stays: no build for this processor stood the proof")
            return 1
        install(native.wheel)
    # "xllamacpp==VERSION": what follows in the lock file are hashes.
    _say_gain(native, requirement.split()[0])
    return 0


def _build(requirement: str, folder: Path, attempt: Attempt) -> Path:
    # In the environment, so that it is still there when the folder of the build is gone.
    log = Path(sys.prefix) / f"native-{attempt.cc}.log"
    return build_wheel(attempt, requirement, folder / attempt.cc, log)


def _prove(model: Path, wheel: Path) -> Proof:
    site = wheel.parent / "site"
    # Beside the wheel: this environment keeps its own until the new one has stood the proof.
    install(wheel, site)
    return compare_builds(site, partial(run_trial, model))


def _say_gain(native: Native, requirement: str) -> None:
    proof = native.proof
    say(
        f"{proof.factor:.2f} times as fast: {proof.rate:.0f} prompt tokens/s on SmolLM2, where the"
        f" wheel before read {proof.rate_before:.0f}"
    )
    say(f"now in use, built by {native.attempt.cc} with {', '.join(proof.features)}")
    say(
        "Its arithmetic rounds otherwise: finish studies that are under way on the wheel before,"
        " or say that they mix two. The way back:"
    )
    say(f"  {sys.executable} -m pip install --force-reinstall --no-deps {requirement}")


if __name__ == "__main__":
    sys.exit(main())
