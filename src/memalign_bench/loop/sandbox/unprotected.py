"""No sandbox: notebooks run with the user's own rights, in a folder that is thrown away."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from memalign_bench.loop.sandbox.base import Execution, Limits
from memalign_bench.loop.sandbox.bubblewrap import INSIDE, environment
from memalign_bench.loop.sandbox.watching import run_and_watch, sandbox_job

__all__ = ["Unprotected"]


@dataclass(frozen=True)
class Unprotected:
    """Executes notebooks with the user's rights; only limits, clock and environment hold.

    Attributes:
        name: Name of the YAML choice.
        limits: What one notebook may use.
    """

    name: str
    limits: Limits = field(default_factory=Limits)

    def identity(self) -> Mapping[str, Any]:
        """Its limits."""
        return {"limits": vars(self.limits)}

    def missing(self) -> str:
        """It can be used everywhere."""
        return ""

    def caution(self) -> str:
        """That nothing is protected."""
        return (
            "notebooks run with your rights on this machine, network and home folder included; only"
            " limits hold."
        )

    def execute(self, notebook: Mapping[str, Any], files: Sequence[Path]) -> Execution:
        """Run a notebook in a folder of its own; see `Sandbox`."""
        with TemporaryDirectory(prefix="memalign-notebook-") as root:
            work = Path(root) / "work"
            work.mkdir()
            for file in files:
                shutil.copyfile(file, work / file.name)
            job = sandbox_job(notebook, self.limits, str(work), die_with_parent=True)
            # RLIMIT_NPROC counts every process of the user, not only the notebook's.
            del job["limits"]["RLIMIT_NPROC"]
            command = [sys.executable, "-I", str(INSIDE)]
            # The sandboxes have a /tmp of their own; here the folder stands for it.
            variables = environment(root, tmp=root)
            return run_and_watch(command, job, self.limits, environment=variables)
