"""Starts llama.cpp's server in this process, on loopback, set so that it answers repeatably."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from memalign_bench.backends.local.library import load_llama_cpp
from memalign_bench.errors import BackendError

__all__ = ["ALIAS", "physical_cores", "serve"]

ALIAS = "embedded"
"""The name under which the model is served."""

_THREADS_FOR_ONE_TOKEN = 2
"""Threads that work on a token read or written by itself, on every machine.

From 512 cells of cache on, llama.cpp's flash attention divides the cache among these threads and
adds up their sums, so their number moves probabilities, by up to 0.011 as measured behind
prefixes of 280 tokens. The number of threads that read many tokens at once moves nothing.
"""


def physical_cores() -> int:
    """Physical cores this process may use: hyperthreads of one core count once."""
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        # Hyperthreads of one core list the same siblings ("0,4"), which a set holds once.
        cores.add(siblings.read_text().strip() if siblings.exists() else str(cpu))
    return max(1, len(cores))


def serve(path: Path, context: int, threads: int | None = None, port: int = 0) -> Any:
    """Start a server with one slot; its address is `listening_address`, dropping it stops it.

    Args:
        path: The GGUF file.
        context: Tokens of context.
        threads: Threads that read prompts, None for one a physical core; no answer depends on them.
        port: Port on loopback, 0 for a free one.

    Raises:
        BackendError: If the file is no model that can be loaded, or the port is taken.
    """
    _check_file(path)
    _check_port(port)
    xllamacpp = load_llama_cpp()
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    # A set: xllamacpp takes several names.
    params.model_alias = {ALIAS}
    params.port = port
    params.n_ctx = context
    # One slot: what it holds is then known before every request.
    params.n_parallel = 1
    # Else the server keeps earlier prompts and puts one back into the slot, whose state would
    # then depend on what was asked before.
    params.cache_ram_mib = 0
    # Else llama.cpp may shorten the context to the memory that is free just now.
    params.fit_params = False
    params.warmup = False
    params.ui = False
    # Nothing at all: 0 is the level of what is always printed.
    params.verbosity = -1
    params.cpuparams.n_threads = _THREADS_FOR_ONE_TOKEN
    params.cpuparams_batch.n_threads = threads or physical_cores()
    try:
        return xllamacpp.Server(params)
    except Exception as error:
        raise BackendError(
            f"llama.cpp could not load {path.name} ({error}); is it a model that this version of"
            " xllamacpp knows, and is there memory for backend.context="
            f"{context}?"
        ) from error


def _check_file(path: Path) -> None:
    """Refuse a file that does not begin as GGUF files do."""
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"GGUF":
        raise BackendError(f"{path.name} is no GGUF file (it begins with {start!r}).")


def _check_port(port: int) -> None:
    """Refuse a port that is taken."""
    if port == 0:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as test_socket:
        try:
            test_socket.bind(("127.0.0.1", port))
        except OSError as error:
            raise BackendError(
                f"port {port} on 127.0.0.1 cannot be used ({error.strerror}); set backend.port= to"
                " another, or to 0 for a free one."
            ) from error
