"""A wheel built from the tree runs in an empty folder: configuration and data travel along."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUNDLED = "memalign_bench/datasets/bundled"


@pytest.mark.slow
def test_a_wheel_runs_in_an_empty_folder(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 2_200_000
    unpacked, empty = tmp_path / "unpacked", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
        bundled = [name for name in archive.namelist() if "/bundled/" in name]
    # Of the notebooks the data travel along, not what wrote them.
    assert sum(name.endswith(".ipynb") for name in bundled) == 74
    packed = [name for name in bundled if name.endswith(".parquet")]
    assert len(packed) == 6  # the plain level: items, labels and evidence of two seeds
    assert [name for name in bundled if name.endswith(".py")] == [f"{BUNDLED}/__init__.py"]
    # The wheel's own files, found before those of the checkout.
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}

    def bench(*words):
        command = [sys.executable, "-m", "memalign_bench", *words]
        done = subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    where = "import memalign_bench; print(memalign_bench.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=empty, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert str(unpacked) in found.stdout
    bench("run", "backend=scripted", "dimensions=[model_use]", "tracker=none", "study=first")
    bench("forensics", "studies=20", "resamples=20")  # its figures travel along too
    bench("report", "study=first", "tracker=none", "stats.n_resamples=200")
    assert (empty / "results/first/report.html").is_file()
