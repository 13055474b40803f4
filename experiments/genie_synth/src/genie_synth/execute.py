"""Executes a notebook and writes it the same to the byte: no time, address or path stays.

The notebook runs in an own kernel, in an own folder with the data of its case, on one thread, with
MLflow pointed at a temporary store. Install cells are not executed; their output is written here.
Cells of the role "fails" may raise, and keep their traceback; any other error ends the build.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from genie_synth.compose import Draft, order_of_counts
from genie_synth.sketch.cells import DraftCell
from memalign_bench.errors import DataError

__all__ = ["execute_notebook", "normalise", "notebook"]

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

LOGGED_AT = "2025-03-14 09:26:53"
"""When every log line was written; times in the data stay as they are."""

_REPLACEMENTS: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"/\S*?/site-packages/", "/opt/python/lib/site-packages/"),
        (r"/tmp/ipykernel_\d+/\d+\.py", "/tmp/notebook_cell.py"),
        (r"/\S*/memalign-corpus-[^/\s'\"]+/work", "/home/analyst"),
        (r"/\S*/memalign-corpus-[^/\s'\"]+", "/tmp"),
        (r"\b0x[0-9a-f]{6,16}\b", "0x7f0000000000"),
        (r"\b[0-9a-f]{32}\b", "0123456789abcdef0123456789abcdef"),
        (r"\bm-[0-9a-f]{32}\b", "m-0123456789abcdef0123456789abcdef"),
        (r"\b20\d\d[/-]\d\d[/-]\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?(?= [A-Z]{4,8}\b)", LOGGED_AT),
        (r"\x1b\[[0-9;]*m", ""),
    )
)
_DROPPED_LINES = re.compile(
    r"^.*(?:INFO mlflow|INFO alembic|View run .* at:|View experiment at:"
    r"|Matplotlib is building the font cache).*\n?",  # said only where the machine is busy
    re.M,
)


def normalise(text: str) -> str:
    """Text of an output without what differs from run to run or tells of the machine.

    >>> normalise("<Axes at 0x7f3a5c2b9d10>")
    '<Axes at 0x7f0000000000>'
    """
    text = text.replace(sys.prefix, "/opt/python")
    for pattern, put in _REPLACEMENTS:
        text = pattern.sub(put, text)
    return _DROPPED_LINES.sub("", text)


def notebook(draft: Draft) -> dict[str, Any]:
    """The notebook without outputs, as nbformat 4.5 JSON."""
    cells = [_cell(draft.item_id, index, cell) for index, cell in enumerate(draft.cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(item_id: str, index: int, cell: DraftCell) -> dict[str, Any]:
    common = {"id": f"{index:02d}-{cell.stage}", "metadata": {}, "source": cell.source}
    if cell.kind == "markdown":
        return {"cell_type": "markdown", **common}
    return {"cell_type": "code", **common, "execution_count": None, "outputs": []}


def execute_notebook(draft: Draft) -> dict[str, Any]:
    """The notebook with its outputs.

    Raises:
        DataError: If a cell raised that should not.
    """
    content = notebook(draft)
    code = [i for i, cell in enumerate(draft.cells) if cell.kind == "code"]
    # Install cells are not executed; what they print is written below.
    executed_cells = [i for i in code if draft.cells[i].role != "install"]
    outputs = _run_cells(draft, [content["cells"][i] for i in executed_cells])
    problems = []
    for index, cell_outputs in zip(executed_cells, outputs, strict=True):
        content["cells"][index]["outputs"] = cell_outputs
        problems += _unexpected_errors(draft.cells[index], index, cell_outputs)
    if problems:
        raise DataError(f"notebook {draft.item_id}", problems)
    # Cells ran in order; counts out of order are planted as counts.
    counts = order_of_counts(len(code), draft.counts)
    for index, count in zip(code, counts, strict=True):
        cell = content["cells"][index]
        cell["execution_count"] = count
        if draft.cells[index].role == "install":
            cell["outputs"] = [_stream("stdout", _install_output(cell["source"]))]
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
    return content


def _unexpected_errors(
    cell: DraftCell, index: int, outputs: Sequence[Mapping[str, Any]]
) -> list[str]:
    errors = [output for output in outputs if output["output_type"] == "error"]
    if cell.role == "fails":
        return [] if errors else [f"cell {index} should fail, and does not: {cell.source!r}"]
    return [
        f"cell {index} ({cell.stage}): {error['ename']}: {error['evalue']} in\n{cell.source}"
        for error in errors
    ]


def _install_output(source: str) -> str:
    """What an install cell prints once everything is there."""
    source = "\n".join(line for line in source.split("\n") if not line.startswith("#"))
    quiet = re.search(r"(?:^|\s)(?:-q|--quiet)\b", source)
    note = "Note: you may need to restart the kernel to use updated packages.\n"
    if quiet:
        return note if "%pip" in source else ""
    packages = re.findall(r"(?<=\s)([A-Za-z][\w-]*)(?:==[\w.]+)?(?=\s|$)", source)
    installed = [p for p in packages if p not in ("install", "pip", "environment", "U")]
    lines = [f"Requirement already satisfied: {package}\n" for package in dict.fromkeys(installed)]
    return "".join(lines) + (note if "%pip" in source else "")


def _run_cells(draft: Draft, cells: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Outputs of code cells, executed one after the other in an own kernel."""
    with TemporaryDirectory(prefix="memalign-corpus-") as root:
        folder = _working_folder(draft, Path(root))
        notebook_node = nbformat.v4.new_notebook(cells=[nbformat.from_dict(cell) for cell in cells])
        kernel = {"transport": "ipc", "connection_file": str(Path(root) / "kernel.json")}
        client = NotebookClient(
            notebook_node,
            config=Config({"KernelManager": kernel}),
            kernel_name="python3",
            timeout=300,
            allow_errors=True,
            store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
        )
        with ThreadPoolExecutor(1) as aside:  # in a main thread it takes Ctrl-C and SIGTERM over
            run = client.async_execute(env=_environment(Path(root)))
            aside.submit(asyncio.run, run).result()
        return [_normalised_outputs(cell["outputs"]) for cell in notebook_node["cells"]]


def _working_folder(draft: Draft, root: Path) -> Path:
    folder = root / "work"
    folder.mkdir()
    case = draft.case
    case.data().to_csv(folder / case.file, index=False)
    if case.new_file is not None:
        case.new_data().to_csv(folder / case.new_file, index=False)
    (root / "matplotlibrc").write_text("figure.dpi: 50\nsavefig.dpi: 50\n", encoding="utf-8")
    if "mlflow" in "".join(cell.source for cell in draft.cells):
        shutil.copyfile(_empty_store(), root / "mlflow.db")
    return folder


def _empty_store() -> Path:
    """A fresh MLflow database, made once a process: creating its tables takes seconds."""
    import atexit
    import subprocess

    global _STORE  # noqa: PLW0603 - one file a process
    if _STORE is None:
        root = TemporaryDirectory(prefix="memalign-corpus-")
        atexit.register(root.cleanup)
        path = Path(root.name) / "empty.db"
        ask = (
            "import mlflow, sys; mlflow.set_tracking_uri(sys.argv[1]); mlflow.search_experiments()"
        )
        command = [sys.executable, "-c", ask, f"sqlite:///{path}"]
        subprocess.run(command, env=_environment(Path(root.name)), check=True, capture_output=True)
        _STORE = path
    return _STORE


_STORE: Path | None = None

_IGNORED_WARNINGS = ("IProgress not found", "Hint", "`y_pred` was renamed")
"""Warnings that start so are about the build (no widgets) or the inside of MLflow."""


def _environment(root: Path) -> dict[str, str]:
    """Variables of the kernel: one thread, quiet, nothing of the user's own configuration."""
    inherited = {key: os.environ[key] for key in ("PATH", "LANG", "TZ") if key in os.environ}
    return {
        **inherited,
        **dict.fromkeys(THREADS, "1"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")]),
        "HOME": str(root),
        "IPYTHONDIR": str(root / "ipython"),
        "JUPYTER_CONFIG_DIR": str(root / "jupyter"),
        "MATPLOTLIBRC": str(root / "matplotlibrc"),
        "MPLCONFIGDIR": str(root / "mpl"),
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": ",".join(f"ignore:{start}" for start in _IGNORED_WARNINGS),
        "TZ": "UTC",
        "MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "CRITICAL",
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "GIT_PYTHON_REFRESH": "quiet",
        "HF_HUB_OFFLINE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _normalised_outputs(outputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Outputs in a fixed form: streams joined by name, data first to last, nothing that varies."""
    streams = {"stdout": "", "stderr": ""}
    others: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] += output["text"]
        elif output["output_type"] == "error":
            others.append(_error(output))
        else:
            data = {
                kind: normalise(value) if isinstance(value, str) and "image" not in kind else value
                for kind, value in sorted(output["data"].items())
                if kind in ("text/plain", "image/png") or _is_table(kind, value)
            }
            kind = output["output_type"]
            others.append({"output_type": kind, "metadata": {}, "data": data})
            if kind == "execute_result":
                others[-1]["execution_count"] = None
    texts = {name: normalise(text) for name, text in streams.items()}
    return [*(_stream(name, text) for name, text in texts.items() if text.strip()), *others]


def _is_table(kind: str, value: object) -> bool:
    return kind == "text/html" and 'class="dataframe"' in str(value)


def _stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def _error(output: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "output_type": "error",
        "ename": output["ename"],
        "evalue": normalise(output["evalue"]),
        "traceback": [normalise(line) for line in output["traceback"]],
    }
