"""Where a loop's runs lie, and how one is named on the command line."""

from __future__ import annotations

from pathlib import Path

from memalign_bench.errors import RequestError
from memalign_bench.wording import counted

__all__ = ["run_path", "run_paths"]


def run_paths(loop_dir: Path) -> list[Path]:
    """Folders of all generated runs of a loop, by run id."""
    return sorted(path.parent for path in loop_dir.glob("generated/*/manifest.json"))


def run_path(loop_dir: Path, name: str | None, key: str) -> Path:
    """The folder of a generated run, named by path, by its id or the beginning of one.

    Args:
        loop_dir: The loop's folder, `RESULTS_DIR/LOOP`.
        name: What the command line says.
        key: The key that says it, for what is refused.

    Raises:
        RequestError: If there is no such run, or several.
    """
    runs = {path.name: path for path in run_paths(loop_dir)}
    known = ", ".join(sorted(runs)) or "none"
    if name is None:
        raise RequestError(f"{key} must name a generated run; in {loop_dir}: {known}.")
    # A path goes before an id, and a full id before the beginning of several.
    path = Path(str(name)).expanduser()
    if (path / "manifest.json").is_file():
        return path
    single_run = [file.parent for file in path.glob("generated/*/manifest.json")]
    if len(single_run) == 1:  # the folder of a loop with one run
        return single_run[0]
    if name in runs:
        return runs[name]
    matching = sorted(run for run in runs if run.startswith(str(name)))
    if len(matching) != 1:
        count_text = (
            f"{counted(len(matching), 'run')} ({', '.join(matching)})" if matching else "no run"
        )
        raise RequestError(f"{key}={name} names {count_text}; generated in {loop_dir}: {known}.")
    return runs[matching[0]]
