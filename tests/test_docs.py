"""What the documentation tells people to write works as it stands there."""

import json
import re
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench import load_study
from memalign_bench.cli import main
from memalign_bench.config import build_sections
from memalign_bench.errors import RequestError

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
GUIDE = EXPERIMENTS / "adding_an_alignment" / "README.md"
PROVIDER = EXPERIMENTS / "adding_a_provider" / "README.md"
FIGURE = EXPERIMENTS / "adding_a_figure" / "README.md"
OWN_LABELS = EXPERIMENTS / "your_own_labels" / "README.md"
PAIRWISE = EXPERIMENTS / "pairwise" / "README.md"


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


@pytest.mark.slow
def test_a_provider_is_one_yaml_in_every_role(tmp_path, monkeypatch):
    [(_, text), (_, commands)] = re.findall(
        r"```(yaml)?\n(.*?)```", PROVIDER.read_text(), flags=re.DOTALL
    )
    assert len(text.splitlines()) <= 10
    conf = tmp_path / "my_conf" / "backend"
    conf.mkdir(parents=True)
    (conf / "my_lab.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_LAB_KEY", "sk-lab")
    asked = {}
    with serving(Provider(keys=("sk-lab",))) as served:
        monkeypatch.setenv("MY_LAB_URL", f"{served.base_url}/v1")
        for command in commands.splitlines():
            program, *words = shlex.split(command)
            assert program == "memalign-bench"
            served.requests.clear()
            assert main([*words, "tracker=none", "limit=16"]) == 0
            study = words[-1].removeprefix("study=")
            asked[study] = Counter(
                (path.removeprefix("/v1/"), body["model"]) for path, body, _ in served.requests
            )
            records = [path.read_text() for path in Path("results", study).rglob("*.json")]
            assert not any("sk-lab" in record for record in records)
    chat, embed = ("chat/completions", "lab-judge-1"), ("embeddings", "lab-embed-1")
    assert set(asked["judged"]) == {chat}
    assert asked["judged"][chat] >= 16
    assert set(asked["embedded"]) == {chat, embed}
    assert set(asked["distilled"]) == {("chat/completions", "lab-large-1")}
    assert set(asked["looked_up"]) == {embed}


@pytest.mark.slow
def test_a_figure_is_one_module_and_one_yaml(tmp_path, monkeypatch):
    text = FIGURE.read_text()
    blocks = dict(re.findall(r"```(python|yaml)\n(.*?)```", text, flags=re.DOTALL))
    [commands] = re.findall(r"```\n(PYTHONPATH.*?)```", text, flags=re.DOTALL)
    (tmp_path / "my_figures.py").write_text(blocks["python"])
    conf = tmp_path / "my_conf" / "figure"
    conf.mkdir(parents=True)
    (conf / "waiting.yaml").write_text(blocks["yaml"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    study = Path("results/mine")
    drawn = study / "figures" / "waiting.svg"
    for command in commands.splitlines():
        _, program, *words = shlex.split(command)
        assert program == "memalign-bench"
        drawn.unlink(missing_ok=True)
        assert main([*words, "tracker=none", *(["limit=16"] if words[0] == "run" else [])]) == 0
    assert drawn.is_file()
    sys.modules.pop("my_figures", None)
    table = pd.read_csv(study / "tables" / "waiting.csv")
    assert set(table["variant"]) == {"none", "full"}
    page = (study / "report.html").read_text()
    assert '<section id="waiting"><h2>How long one waits</h2>' in page
    assert page.count("data:image/svg+xml;base64,") == len(list(study.glob("figures/*.svg")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("_target_: my_nothing.section", "my_nothing"),
        ("_target_: builtins.dict", "gave dict"),
        ("place: 3", "no _target_"),
        (
            "_target_: memalign_bench.report.sections.section.Section\n"
            "title: T\nplace: 1\ndraw: {_target_: builtins.object}",
            "a figure without a caption",
        ),
    ],
)
def test_a_figure_that_is_none_is_refused_by_file(tmp_path, text, told):
    folder = tmp_path / "figure"
    folder.mkdir()
    (folder / "odd.yaml").write_text(text)
    with pytest.raises(RequestError, match=rf"odd.*{told}"):
        build_sections([f"file://{tmp_path}"])


@pytest.mark.slow
def test_a_table_of_ones_own_becomes_a_verdict(tmp_path, monkeypatch):
    """Every command of the guide, as written; on the simulated judge, and tracked nowhere."""
    shutil.copytree(OWN_LABELS.parent, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    more = {
        "run": ["backend=scripted", "tracker=none"],
        "report": ["tracker=none"],
        "export_judge": ["backend=scripted", "tracker=none"],
    }
    blocks = re.findall(r"```\n(.*?)```", OWN_LABELS.read_text(), flags=re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) == 5
    for command in commands:
        program, name, *words = shlex.split(command)
        assert program == "memalign-bench"
        assert main([name, *words, *more.get(name, [])]) == 0, command
    page = Path("results/replies/report.html").read_text()
    assert "Improved" in page or "Cannot be told" in page
    assert "Synthetic data" in page
    assert list(Path("results/replies/judges").rglob("helpfulness.json"))


@pytest.mark.slow
def test_preferences_between_two_answers_become_a_verdict(tmp_path, monkeypatch):
    """The snippet and every command of the recipe, as written; on the simulated judge."""
    shutil.copytree(PAIRWISE.parent, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    text = PAIRWISE.read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(snippet, "README.md", "exec"), {})
    pairs = [json.loads(line) for line in Path("pairs.jsonl").read_text().splitlines()]
    assert len({row["item_id"] for row in pairs}) == 24
    assert Counter(row["score"] for row in pairs)["A"] == Counter(r["score"] for r in pairs)["B"]
    (block,) = re.findall(r"```\n(memalign.*?)```", text, flags=re.DOTALL)
    more = {"run": ["backend=scripted", "tracker=none"], "report": ["tracker=none"],
            "export_judge": ["backend=scripted", "tracker=none"]}  # fmt: skip
    for command in block.splitlines():
        program, name, *words = shlex.split(command)
        assert program == "memalign-bench"
        assert main([name, *words, *more.get(name, [])]) == 0, command
    summary = pd.read_csv("results/pairs/tables/summary.csv").set_index("variant")
    [unaligned] = summary.filter(like="none", axis="index")["bias"]
    assert unaligned > 0, "the polite judge prefers what stands first"
    assert set(load_study("results/pairs").predictions["expert_score"]) == {-1, 0, 1}
    assert list(Path("results/pairs/judges").rglob("preference.json"))
