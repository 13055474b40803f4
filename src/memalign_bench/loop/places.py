"""Where a loop's runs lie, and how one is named on the command line."""

from __future__ import annotations

from pathlib import Path

from memalign_bench.errors import RequestError

__all__ = ["run_path"]


def run_path(loop_dir: Path, name: str | None, key: str) -> Path:
    """The folder of a generated run, named by path, run id, the beginning of one, or its agent.

    Args:
        loop_dir: The loop's folder, `RESULTS_DIR/LOOP`.
        name: What the command line says.
        key: The key that says it, for what is refused.

    Raises:
        RequestError: If there is no such run, or several.
    """
    runs = {path.parent.name: path.parent for path in loop_dir.glob("generated/*/manifest.json")}
    known = ", ".join(sorted(runs)) or "none"
    if name is None:
        raise RequestError(f"{key} must name a generated run; in {loop_dir}: {known}.")
    path = Path(str(name)).expanduser()
    if (path / "manifest.json").is_file():
        return path
    if name in runs:
        return runs[name]
    found = sorted(run for run in runs if run.startswith(str(name)))
    if len(found) != 1:
        told = f"{len(found)} runs ({', '.join(found)})" if found else "no run"
        raise RequestError(f"{key}={name} names {told}; generated in {loop_dir}: {known}.")
    return runs[found[0]]
