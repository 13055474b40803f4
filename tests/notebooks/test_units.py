import gc
import sys
import threading

import pytest

from memalign_bench.notebooks.parse import Cell
from memalign_bench.notebooks.units import cell_units

FUNCTION = "def f{0}(x):\n    return [g(x, {0}) + (a if b else c[{0}]) for a in range(x)]"


def texts(source):
    return [unit.text for unit in cell_units(Cell(0, "code", source, ""), 3, 200)]


def test_a_percent_sign_may_begin_a_line_of_an_expression():
    assert texts("a = (n\n% 3)\nb = 1") == ["a = (n\n% 3)", "b = 1"]


def test_magics_and_shell_lines_stand_among_statements():
    assert texts("%time x = 1\nif x:\n    !ls\ny = (x,\n  2)") == [
        "%time x = 1",
        "if x:\n    !ls",
        "y = (x,\n  2)",
    ]


class Cycle:
    """Runs Python code when the collector finds it, and so gives way to another thread."""

    def __init__(self):
        self.itself = self

    def __del__(self):
        for _ in range(100):
            pass


@pytest.fixture
def many_switches():
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50, 2, 2)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


# Python 3.11.7 raised SystemError in 14 of 80 such parses without the lock.
@pytest.mark.usefixtures("many_switches")
def test_cells_are_cut_alike_in_several_threads():
    code = ["\n".join(FUNCTION.format(n + m * 100) for n in range(60)) for m in range(20)]
    cells = [Cell(n, "code", source, "") for n, source in enumerate(code)]
    failures, counts = [], set()

    def cut():
        for cell in cells:
            for _ in range(20):
                Cycle()
            try:
                counts.add(len(cell_units.__wrapped__(cell, 3, 200)))
            except SystemError as error:
                failures.append(error)

    threads = [threading.Thread(target=cut) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert counts == {60}
