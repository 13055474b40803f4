"""A rubric of one's own: written, checked alone, and refused by file, line and remedy."""

import re
from pathlib import Path

import pytest

from memalign_bench.cli import main
from memalign_bench.config import composed, config_dir, instance

RUBRIC = """\
# One question about an essay.
_target_: memalign_bench.types.Rubric
name: mine
artefact: essay
scale:
  _target_: memalign_bench.types.Scale
  grades: [1, 2, 3]
  words: [bad, fair, good]
dimensions:
  clarity:
    _target_: memalign_bench.types.DimensionRubric
    name: clarity
    title: Clarity
    question: Is it clear?
    levels: {1: no, 2: partly, 3: yes}
"""
CHECK = ("validate", "--config-dir", "mine", "rubric=mine")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine/rubric").mkdir(parents=True)


def written(text):
    Path("mine/rubric/mine.yaml").write_text(text)


def test_a_rubric_is_checked_alone(capsys):
    written(RUBRIC)
    assert main(CHECK) == 0
    told = capsys.readouterr().out
    assert "nothing is wrong. 3 grades, 1 (bad) to 3 (good)" in told
    assert "clarity: Is it clear?" in told


def test_yes_and_no_are_words():
    written(RUBRIC)
    job = composed("run", [f"hydra.searchpath=[file://{Path('mine').resolve()}]", "rubric=mine"])
    levels = instance(job.cfg, "rubric").dimensions["clarity"].levels
    assert levels == {1: "no", 2: "partly", 3: "yes"}


WRONG = {
    "a tab": (("  grades", "\tgrades"), r"mine.yaml:7: a tab; YAML is indented with spaces"),
    "no target": (
        ("_target_: memalign_bench.types.Rubric\n", ""),
        r"mine.yaml:1: .*no _target_; write `_target_: memalign_bench.types.Rubric`",
    ),
    "no inner target": (
        ("    _target_: memalign_bench.types.DimensionRubric\n", ""),
        r"mine.yaml:10: dimension 'clarity' has no _target_; write",
    ),
    "a missing level": (
        ("2: partly, ", ""),
        r"mine.yaml:15: dimension 'clarity' has no level for grade 2; write what earns it: `2:",
    ),
    "a level too many": (("3: yes", "3: yes, 4: more"), r"mine.yaml:15: .*a level for 4, which"),
    "a misspelt key": (("question:", "questoin:"), r"mine.yaml:14: .*unknown key 'questoin'"),
    "no question": (("    question: Is it clear?\n", ""), r"mine.yaml:10: .*has no question"),
    "words short": (("bad, fair, good", "bad, good"), r"mine.yaml:5: .*got 2 words for 3 grades"),
    "no dimensions": ((RUBRIC[RUBRIC.index("dimensions:") :], "dimensions: {}\n"), r"got none"),
    "another name": (("    name: clarity", "    name: clear"), r"yaml:12: .*name it 'clarity'"),
    "a colon": (("Is it clear?", "Is it: clear?"), r"mine.yaml:14: no YAML here.*put quotes"),
    "nothing": ((RUBRIC, ""), r"mine.yaml:1: a rubric is a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("command", ["validate", "run"])
def test_what_is_wrong_is_told_by_file_line_and_remedy(kind, command, capfd):
    (old, new), told = WRONG[kind]
    assert old in RUBRIC
    written(RUBRIC.replace(old, new))
    more = ["backend=scripted", "study=s"] if command == "run" else []
    assert main([command, *CHECK[1:], *more]) == 2
    said = capfd.readouterr().err
    assert re.search(told, said), said
    assert "Traceback" not in said


def test_all_that_is_wrong_is_told_at_once(capsys):
    written(RUBRIC.replace("2: partly, ", "").replace("artefact: essay\n", ""))
    assert main(CHECK) == 2
    said = capsys.readouterr().err
    assert "2 problems" in said
    assert "has no artefact" in said
    assert "no level for grade 2" in said


def test_a_broken_yaml_of_another_group_is_no_traceback_either(capsys):
    Path("mine/view").mkdir()
    Path("mine/view/odd.yaml").write_text("name: odd\n\tmax_tokens: 3\n")
    assert main(["run", "--config-dir", "mine", "view=odd", "backend=scripted"]) == 2
    assert "odd.yaml:2: a tab" in capsys.readouterr().err


@pytest.mark.parametrize(("scale", "grades"), [("1-5", 5), ("[1,2,3,4]", 4), ("1-101", 101)])
def test_a_first_rubric_is_written_and_can_be_run_at_once(scale, grades, capsys):
    words = ["rubric", "action=new", "dimensions=[clarity,tone]", f"scale={scale}"]
    assert main(words) == 0
    told = capsys.readouterr().out
    [command] = re.findall(r"memalign-bench (validate .*)", told)
    assert main(command.split()) == 0
    told = capsys.readouterr().out
    assert f"{grades} grades" in told
    assert len(told) < 500, "a long scale is not written out"
    assert "tone: How good is the text in tone?" in told
    assert main(words) == 2, "it is never written over"
    assert "is there already" in capsys.readouterr().err


def test_a_wrong_request_for_a_rubric_is_told_at_once(capsys):
    assert main(["rubric", "action=old", "scale=some", "dimensions=[a-b]"]) == 2
    told = capsys.readouterr().err
    for key in ("action must be new", "scale must be like 1-5", "dimensions must be names"):
        assert key in told


@pytest.mark.parametrize(
    "path", sorted((config_dir() / "rubric").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_rubric_passes_its_own_check(path):
    assert main(["validate", f"rubric={path.stem}"]) == 0
    written(path.read_text())
    assert main(CHECK) == 0
