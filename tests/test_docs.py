"""What the documentation tells people to write works as it stands there."""

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from memalign_bench.cli import main

GUIDE = Path(__file__).parents[1] / "experiments" / "adding_an_alignment" / "README.md"


@pytest.mark.slow
def test_an_alignment_is_one_file_and_one_yaml(tmp_path, monkeypatch):
    blocks = dict(re.findall(r"```(python|yaml)\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL))
    assert max(len(text.splitlines()) for text in blocks.values()) < 40
    (tmp_path / "my_alignments.py").write_text(blocks["python"])
    conf = tmp_path / "my_conf" / "alignment"
    conf.mkdir(parents=True)
    (conf / "strict_labels.yaml").write_text(blocks["yaml"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sweep = "alignment=none,full,strict_labels"
    words = ["-m", "--config-dir", "my_conf", sweep, "dataset=planted", "backend=scripted"]
    assert main(["run", *words, "study=mine", "tracker=none", "limit=24"]) == 0
    sys.modules.pop("my_alignments", None)
    runs = {}
    for path in (tmp_path / "results" / "mine" / "runs").glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        runs[manifest["variant"]] = (
            manifest,
            pd.read_parquet(path.with_name("predictions.parquet")),
        )
    manifest, rows = runs["strict_labels"]
    assert manifest["config"]["alignment"]["ladder"]["step"] == 125
    expert = rows.set_index("item_id")["expert_score"]
    shown = {name for names in rows["neighbour_ids"] for name in names}
    assert shown
    assert expert[sorted(shown)].max() < 3
    usual = {name for names in runs["full"][1]["neighbour_ids"] for name in names}
    assert expert[sorted(usual)].max() == 3
