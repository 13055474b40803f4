import signal
import subprocess
import sys
import time

import pytest
from tests.programs import heeding_ctrl_c

from memalign_bench.certify import running
from memalign_bench.certify.design import Cell
from memalign_bench.certify.figure import draw
from memalign_bench.certify.simulation import HEADLINE, QUANTITIES
from memalign_bench.certify.tables import TITLES, frame_of, markdown
from memalign_bench.cli import main
from memalign_bench.errors import RecordError
from memalign_bench.study.running.pool import Progress


class Counting(Progress):
    """Counts cells; stops after some, as Ctrl-C does."""

    def __init__(self, stop_after: int = 99) -> None:
        self.total = self.done = 0
        self.stop_after = stop_after

    def start(self, total: int, label: str) -> None:
        self.total = total

    def advance(self, *, failed: bool) -> None:
        self.done += 1
        if self.done == self.stop_after:
            raise KeyboardInterrupt

    def finish(self) -> None:
        pass


def few_cells(draws: int, seed: int) -> list[Cell]:
    return [
        Cell(name, quantity.regimes[0], "some", n, draws, seed)
        for name, quantity in QUANTITIES.items()
        for n in (12, 25)
    ]


@pytest.fixture
def _few(monkeypatch):
    monkeypatch.setattr(running, "cells", few_cells)


@pytest.mark.usefixtures("_few")
def test_stopped_it_goes_on_with_what_is_missing_and_ends_with_the_same_numbers(tmp_path):
    asked = {"draws": 8, "seed": 0, "workers": 1}
    with pytest.raises(KeyboardInterrupt):
        running.certify(tmp_path / "a", progress=Counting(stop_after=3), **asked)
    kept = len(list((tmp_path / "a").glob("*.json")))
    assert 3 <= kept < 12
    later = Counting()
    found = running.certify(tmp_path / "a", progress=later, **asked)
    assert later.total == later.done <= 12 - 3
    whole = running.certify(tmp_path / "b", progress=Counting(), **asked)
    assert frame_of(found).equals(frame_of(whole))
    again = Counting()
    running.certify(tmp_path / "b", progress=again, **asked)
    assert again.total == 0
    other = Counting()
    running.certify(tmp_path / "b", progress=other, **asked | {"draws": 4})
    assert other.total == 12
    for path in (tmp_path / "b").glob("*.json"):
        path.write_text(path.read_text()[:40])
    with pytest.raises(RecordError, match="is no finished cell"):
        running.certify(tmp_path / "b", progress=Counting(), **asked)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_its_processes_end_with_it_however_it_ends(tmp_path, how):
    command = [sys.executable, "-m", "memalign_bench", "certify", f"results_dir={tmp_path}"]
    # The pool's processes hold the pipe open until the last of them is gone.
    with subprocess.Popen(
        [*command, "certify.workers=1"], stderr=subprocess.PIPE,
        preexec_fn=heeding_ctrl_c,  # noqa: PLW1509  sets a signal and nothing else
    ) as begun:  # fmt: skip
        while not list(tmp_path.rglob("*.json")):
            assert begun.poll() is None
            time.sleep(0.1)
        begun.send_signal(how)
        _, told = begun.communicate(timeout=60)
    assert begun.returncode == {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM}[how]
    assert b"Traceback" not in told
    # Of the locks that its processes share; after SIGTERM nobody is left to give them back.
    assert how == signal.SIGTERM or b"leaked" not in told


@pytest.mark.usefixtures("_few")
def test_the_command_writes_table_and_figure(tmp_path, capfd):
    words = ["certify", "certify.draws=8", "certify.workers=1", f"results_dir={tmp_path}"]
    assert main(words) == 0
    folder = tmp_path / "certify"
    for kind in ("csv", "md", "png", "svg", "pdf"):
        assert (folder / f"coverage.{kind}").stat().st_size > 0
    assert "table and figure under" in capfd.readouterr().err
    text = (folder / "coverage.md").read_text()
    for quantity, title in TITLES.items():
        assert f"## {title}" in text
        assert f"| {HEADLINE[quantity]}* |" in text
    first = (folder / "coverage.csv").read_bytes()
    assert main(words) == 0
    assert (folder / "coverage.csv").read_bytes() == first


def test_what_cannot_be_asked_for_is_refused(tmp_path, capfd):
    assert main(["certify", "certify.draws=0", f"results_dir={tmp_path}"]) == 2
    assert "certify.draws must be a whole number >= 1, got 0" in capfd.readouterr().err


def test_a_drawing_has_a_panel_a_quantity_and_says_coverage(tmp_path):
    tallies = [tally for cell in few_cells(4, 0)[::2] for tally in running.simulate(cell)]
    table = frame_of(tallies)
    figure = draw(table)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [*TITLES.values()]
    assert table["coverage_error"].max() <= 0.5
    assert "(" in markdown(table)
