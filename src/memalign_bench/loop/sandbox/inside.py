"""The part that runs inside a sandbox: a program of its own, which executes one notebook.

It imports nothing of this package. On standard input it gets one JSON object (notebook, limits,
working folder), and on what was its standard output it writes one JSON object a line: the outputs
of each cell as it ends, and last how it all ended. Kernel and client speak over `ipc`, so that
neither needs a network.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> int:
    """Execute what standard input says."""
    # The kernel inherits standard output; what it prints there must not look like an answer.
    # `os.dup` gives a copy that no process inherits.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    job = json.load(sys.stdin)
    # Nothing that is started later can read the job or write an answer.
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if job["die_with_parent"]:
        die_with_parent(job["parent"])
    limit(job["limits"])
    os.nice(5)  # whoever watches comes first, however many processes there are

    def tell(**said: Any) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    tell(end=run(job, tell))
    return 0


def die_with_parent(parent: int) -> None:
    """Have the kernel of Linux kill this process when the one that started it is gone."""
    import ctypes

    set_death_signal = 1  # PR_SET_PDEATHSIG, linux/prctl.h
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    # It was gone before the signal was set.
    if os.getppid() != parent:
        os._exit(1)


def limit(limits: dict[str, int]) -> None:
    """Set limits that hold for this process and all that it starts."""
    for name, wanted in limits.items():
        kind = getattr(resource, name)
        # Nobody without rights may set a limit above the hard one.
        hard = resource.getrlimit(kind)[1]
        bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (bound, bound))


def run(job: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Execute the cells in order until one fails; how it ended."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    bytes_left = job["output_bytes"]

    class Client(NotebookClient):
        """A client that counts what the cells put out."""

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            nonlocal bytes_left
            bytes_left -= len(json.dumps(msg["content"], default=str))
            if bytes_left < 0:
                # nbclient would go on listening; whoever started this ends all of it.
                tell(end={"error": "outputs over output_mb (limits.output_mb)"})
                os._exit(0)
            return super().process_message(msg, cell, cell_index)

    folder = tempfile.mkdtemp(prefix="kernel-")
    notebook = nbformat.from_dict(job["notebook"])
    client = Client(
        notebook,
        kernel_name="python3",
        # Time is kept outside.
        timeout=None,
        startup_timeout=job["startup_s"],
        # Times, and the ids of widgets, differ from run to run.
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": job["folder"]}},
    )

    kernel = client.create_kernel_manager()
    # Sockets in the file system, so that kernel and client need no network.
    kernel.transport = "ipc"
    kernel.connection_file = str(Path(folder) / "kernel.json")

    # One cell after the other by hand, since `execute` would tell of nothing before its end.
    async def execute() -> dict[str, Any]:
        index = -1
        try:
            async with client.async_setup_kernel():
                for index, cell in enumerate(notebook.cells):
                    tell(cell=index)
                    await client.async_execute_cell(cell, index)
                    tell(cell=index, done=True, **cell_state(cell))
        except CellExecutionError:
            cell = notebook.cells[index]
            tell(cell=index, done=True, **cell_state(cell))
            return {"error": "cell"}
        except DeadKernelError:
            return {"error": "the kernel died"}
        except MemoryError:
            return {"error": "out of memory"}
        except Exception as error:
            # Before the first cell: there is no kernel here, and nothing can be executed.
            return {"error": f"{type(error).__name__}: {error}"}
        return {}

    return asyncio.run(execute())


def cell_state(cell: Any) -> dict[str, Any]:
    """What executing did to a cell."""
    return {"outputs": cell.get("outputs", []), "count": cell.get("execution_count")}


if __name__ == "__main__":
    sys.exit(main())
