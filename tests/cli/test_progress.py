from memalign_bench.cli import progress
from memalign_bench.cli.progress import ConsoleProgress


def test_each_stretch_of_work_is_counted_from_its_own_beginning(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_LOG_EVERY_S", -1.0)
    told = ConsoleProgress()
    for total, label in ((3, "full"), (2, "full, without one entry each")):
        told.start(total, label)
        for number in range(total):
            told.advance(failed=number == 0)
        told.finish()
    lines = capsys.readouterr().err.splitlines()
    assert lines[2].startswith("full: 3 of 3, 1 failed, 0.0 min left")
    assert lines[3].startswith("full, without one entry each: 1 of 2, 1 failed")
    assert lines[4].startswith("full, without one entry each: 2 of 2, 1 failed, 0.0 min left")
