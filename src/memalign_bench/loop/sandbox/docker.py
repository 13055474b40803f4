"""A sandbox for who has Docker: an image of the user's choice, without network."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memalign_bench.loop.sandbox.base import Execution, Limits
from memalign_bench.loop.sandbox.bubblewrap import INSIDE, WORK, environment
from memalign_bench.loop.sandbox.watching import run_and_watch, sandbox_job

__all__ = ["Docker"]


@dataclass(frozen=True)
class Docker:
    """Executes notebooks in containers of an image that has Python, nbclient and ipykernel.

    Attributes:
        name: Name of the YAML choice.
        image: The image; the libraries that notebooks import are its own.
        python: The Python inside.
        limits: What one notebook may use.
    """

    name: str
    image: str
    python: str = "python"
    limits: Limits = field(default_factory=Limits)

    def identity(self) -> Mapping[str, Any]:
        """Image and limits."""
        return {"image": self.image, "limits": vars(self.limits)}

    def missing(self) -> str:
        """Why there is no Docker here; "" where there is."""
        if shutil.which("docker") is None:
            return "sandbox=docker needs the program docker, which is not on PATH."
        command = ["docker", "image", "inspect", self.image]
        try:
            finished = subprocess.run(
                command, capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"sandbox=docker: docker does not answer ({type(error).__name__})."
        if finished.returncode == 0:
            return ""
        reason = (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"sandbox=docker: {reason[:200]} (docker pull {self.image}, or set sandbox.image=)."

    def caution(self) -> str:
        """Nothing: the container is bounded by Docker."""
        return ""

    def execute(self, notebook: Mapping[str, Any], files: Sequence[Path]) -> Execution:
        """Run a notebook in a container; see `Sandbox`."""
        container = f"memalign-{uuid.uuid4().hex[:12]}"

        # Killing the client does not end the container.
        def end() -> None:
            with suppress(OSError, subprocess.TimeoutExpired):
                kill = ["docker", "kill", container]
                subprocess.run(kill, capture_output=True, timeout=20, check=False)

        job = sandbox_job(notebook, self.limits, WORK)
        # Docker bounds memory and processes of the container as a whole.
        for name in ("RLIMIT_AS", "RLIMIT_NPROC"):
            del job["limits"][name]
        # The client finds its daemon by your environment; the container has one of its own.
        return run_and_watch(
            self.command(container, files), job, self.limits, environment=os.environ, end=end
        )

    def command(self, container: str, files: Sequence[Path]) -> list[str]:
        """The command that runs `inside.py` in a container."""
        limits = self.limits
        words = [
            *("docker", "run", "--rm", "--interactive", "--name", container, "--network", "none"),
            *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", "1000:1000", "--memory", f"{limits.memory_mb}m"),
            # Memory and swap together may be no more than the memory: there is no swap.
            *("--memory-swap", f"{limits.memory_mb}m", "--pids-limit", str(limits.processes)),
            *("--tmpfs", f"/tmp:rw,exec,size={limits.file_mb}m,mode=1777"),
            *("--tmpfs", f"{WORK}:rw,size={limits.file_mb}m,mode=1777", "--workdir", WORK),
            *("--volume", f"{INSIDE}:/inside.py:ro"),
        ]
        for file in files:
            words += ["--volume", f"{file.resolve()}:{WORK}/{file.name}:ro"]
        for name, value in environment("/tmp").items():
            if name != "PATH":  # the image's own
                words += ["--env", f"{name}={value}"]
        return [*words, self.image, self.python, "-I", "/inside.py"]
