"""Files of a study that were damaged: told by name, with a remedy, and never a traceback."""

import json

import pytest

from memalign_bench.cli import main
from memalign_bench.errors import RecordError
from memalign_bench.study import records
from memalign_bench.study.running.runner import run

HALF = '{"cells": [{"dimension'


@pytest.mark.parametrize(
    "held", [HALF, "[]", "null", '"x"', "{}", '{"cells": 3}', '{"cells": [1]}']
)
def test_a_memory_that_is_none_is_refused_by_name(spec_of, held):
    spec = spec_of()
    path = spec.study_dir / "runs" / run(spec).run_id / "memory.json"
    path.write_text(held)
    with pytest.raises(RecordError, match=r"memory\.json is no.*; delete it and run again"):
        run(spec)


def test_the_cells_of_a_memory_are_read(tmp_path):
    cells = [{"dimension": "q", "fold": 0, "guidelines": []}]
    records.write_json(tmp_path / "memory.json", {"cells": cells})
    assert records.read_cells(tmp_path / "memory.json") == cells


def test_a_manifest_without_keys_that_are_relied_on_names_all_of_them(tmp_path):
    path = tmp_path / "manifest.json"
    needed = ("name", "judge.scale", "dimensions.*.title", "note")
    whole = {"name": "x", "judge": {"scale": 3}, "note": None, "dimensions": {"q": {"title": "Q"}}}
    records.write_json(path, whole)
    assert records.read_manifest(path, needed) == whole
    records.write_json(path, {"name": "x", "judge": 3, "dimensions": {"q": {}, "r": {"title": ""}}})
    lacks = r"manifest\.json lacks judge\.scale, dimensions\.\*\.title, note; delete it and run"
    with pytest.raises(RecordError, match=lacks):
        records.read_manifest(path, needed)


@pytest.mark.parametrize("held", [HALF, "[]", "{}", '{"rubric": 3}', '{"rubric": {"name": "x"}}'])
def test_a_command_into_a_study_with_a_broken_manifest_names_it(spec_of, tmp_path, capfd, held):
    spec = spec_of("study=s")
    path = spec.study_dir / "runs" / run(spec).run_id / "manifest.json"
    assert json.loads(path.read_bytes())["variant"] == "full"
    path.write_text(held)
    words = ("dataset=planted", "backend=scripted", "tracker=none", "study=s")
    assert main(["run", *words, f"results_dir={spec.results_dir}"]) == 1
    told = capfd.readouterr().err
    assert "manifest.json is no" in told
    assert "Traceback" not in told
