"""A rubric of one's own: written, checked alone, and refused by file, line and remedy."""

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from memalign_bench.cli import main
from memalign_bench.config import check_file, composed, config_dir, instance
from memalign_bench.errors import DataError, RequestError

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
    "a comment in a text": (
        ("Is it clear?", "Is it #1 in clarity?"),
        r"mine.yaml:14: '#1 in clarity\?' is a comment to YAML; put quotes around the text",
    ),
    "letter case alone": (
        ("dimensions:\n", "dimensions:\n  Clarity: {_target_: memalign_bench.types.DimensionRubric,"
         " name: Clarity, title: C, question: Q, levels: {1: a, 2: b, 3: c}}\n"),
        r"mine.yaml:11: dimensions 'Clarity' and 'clarity' differ by letter case alone",
    ),
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
    "words short": (("bad, fair, good", "bad, good"), r"mine.yaml:8: .*got 2 words for 3 grades"),
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


TITLE = "    title"
LEVELS, VIEW = "{1: no, 2: partly, 3: yes}", "{_target_: memalign_bench.types.ViewRule, "
SCALE = "memalign_bench.types.Scale"
ACCEPTED_ONCE = {
    "a number for a name": (("  clarity:", "  5:"), r":10: the dimension 5 .* name: '5'"),
    "yes for a name": (("  clarity:", "  yes:"), r":10: the dimension yes .* name: 'yes'"),
    "null for a name": (("  clarity:", "  null:"), r":10: the dimension null is named by no text"),
    "a path for a name": (("  clarity:", "  ../x:"), r":10: a dimension's name is of letters"),
    "a name with a mark": (("  clarity:", "  \u200fx:"), r"and blanks within.* got '\\u200fx'"),
    "a reference": (("Is it clear?", "Is ${x} clear?"), r":14: .*holds \$\{.*write \\\$\{"),
    "half a reference": (("partly", "'${x partly'"), r":15: .*level 2 holds \$\{"),
    "a level twice": (("3: yes", "3: yes, 3: more"), r":15: the key 3 stands here twice"),
    "a key twice": ((TITLE, "    name: clarity\n    title"), r":13: the key name stands"),
    "a level of nothing": (("2: partly", "2: null"), r":15: .*level 2 must be a text, got nothing"),
    "a level left open": (("2: partly", "2: '???'"), r":15: .*level 2 must be a text"),
    "a level that is a list": (("2: partly", "2: [a]"), r":15: .*2 must be a text, got \['a'"),
    "a level that is a number": (("2: partly", "2: 5"), r"reads 5 as none; put quotes around it"),
    "a level that is true": (("2: partly", "2: on"), r"reads on as none; put quotes around it"),
    "levels of a list": ((LEVELS, "[no, partly, yes]"), r":15: .*levels must map each grade"),
    "levels of nothing": ((LEVELS, ""), r":15: .*levels must map each grade to what earns it"),
    "levels in quotes": ((LEVELS, "{'1': a, '2': b, '3': c}"), r":15: .*take the quotes off"),
    "a level by a word": (("1: no", "one: no"), r"level for grade 1, and one for one, which is"),
    "a level by yes": (("1: no", "yes: no"), r"level for grade 1, and one for yes, which is"),
    "a question of nothing": (("Is it clear?", ""), r":14: .*question must be a text, got nothing"),
    "a question that is a map": (("Is it clear?", "{a: b}"), r":14: .*must be a text, got {"),
    "an artefact of blanks": (("artefact: essay", "artefact: ' '"), r":4: .*must be a text"),
    "another name than the file's": (("name: mine", "name: yours"), r":3: name is 'yours'"),
    "a view of a word": ((TITLE, "    view: whole\n    title"), r":13: view of .*mapping of mode"),
    "a view of no class": ((TITLE, "    view: {mode: whole}\n    title"), r":13: .*no _target_"),
    "no such view": ((TITLE, f"    view: {VIEW}mode: hole}}\n    title"), r":13: .*got 'hole'"),
    "no such key of a view": ((TITLE, f"    view: {VIEW}moed: x}}\n    title"), r"key 'moed'"),
    "no pattern": ((TITLE, f"    view: {VIEW}mode: cells}}\n    title"), r"there are none"),
    "a broken pattern": (
        (TITLE, f"    view: {VIEW}mode: cells, patterns: ['(']}}\n    title"),
        r":13: .*'\(' is no regular expression",
    ),
    "a word twice": (("bad, fair", "bad, Bad"), r":8: grades 1 and 2 have one word: 'Bad'"),
    "a word of nothing": (("bad, fair", "bad, ''"), r":8: scale: a word must be a text"),
    "a word for words": (("[bad, fair, good]", "bad"), r":8: scale words must be a list"),
    "a word for another grade": (("bad, fair", "'2', fair"), r":8: the word of grade 1 stands for"),
    "a word for N/A": (("bad, fair", "n/a, fair"), r":8: the word of grade 1 stands for something"),
    "grades of a map": (("[1, 2, 3]", "{1: a, 2: b, 3: c}"), r":7: scale grades must be a list"),
    "grades of nothing": (("[1, 2, 3]", ""), r":7: scale grades must be a list .*, got None"),
    "one number for grades": (("[1, 2, 3]", "3"), r":7: scale grades must be a list .*, got 3"),
    "a grade too large": (("[1, 2, 3]", "[1, 2, 1e300]"), r":7: .*each within 1,000,000,000, got"),
    "a mark that is a grade": (("  words", "  not_applicable: 2\n  words"), r":8: .*2 is a grade"),
    "no such class": ((SCALE, "memalign_bench.types.Scal"), f":6: .*Did you mean {SCALE}"),
    "no such module": ((SCALE, "memalign.Scale"), r":6: .*there is no memalign.Scale \(No module"),
    "another class": (("types.Rubric", "types.Scale"), r":2: the rubric is no memalign_bench"),
    "two documents": (("dimensions:", "---\ndimensions:"), r":9: a second document begins here"),
}  # fmt: skip
"""What was accepted, or told in words of Python or YAML; now one line tells each."""


@pytest.mark.parametrize("kind", ACCEPTED_ONCE)
def test_nothing_wrong_is_accepted_and_each_is_told_once(kind):
    (old, new), told = ACCEPTED_ONCE[kind]
    assert old in RUBRIC
    name = "clarity" if not kind.endswith(("for a name", "with a mark")) else new.strip(" :")
    written(RUBRIC.replace(old, new, 1).replace("    name: clarity", f"    name: '{name}'"))
    with pytest.raises((DataError, RequestError)) as caught:
        check_file("rubric", Path("mine/rubric/mine.yaml"))
    [line] = str(caught.value).splitlines()[-1:]
    assert re.search(told, line), line
    assert isinstance(caught.value, RequestError) or len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("name: größe".encode("latin-1"), "not UTF-8"),
        (RUBRIC.encode("utf-16"), "not UTF-8"),
        (RUBRIC.encode("utf-16-le"), "zero bytes"),
        (b"- a\n- b\n", "mapping of keys"),
        (b"[a]: b\n", "cannot be a key"),
        (b"a: &x {b: *x}\n", "stands inside of what it names"),
        (b"a: !x b\n", "no tag"),
    ],
)
@pytest.mark.parametrize("group", ["rubric", "backend"])
def test_a_file_that_cannot_be_read_is_named(group, held, told):
    path = Path("mine/rubric/mine.yaml")
    path.write_bytes(held)
    with pytest.raises((DataError, RequestError), match=told) as caught:
        check_file(group, path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "held",
    [
        RUBRIC.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + RUBRIC.encode(),
        RUBRIC.replace("Is it clear?", "'" + "very long " * 9999 + "'").encode(),
        RUBRIC.replace("Clarity", "'\u200fClarity \N{GRINNING FACE}'").encode(),
        RUBRIC.replace("clarity", "Clear to me").encode(),
        RUBRIC.replace(LEVELS, "&a {1: no, 2: partly, 3: yes}").encode()
        + b"  tone: {_target_: memalign_bench.types.DimensionRubric, name: tone, title: Tone,"
        b" question: Nice, levels: {<<: *a, 3: 'Yes.'}}\n",
        RUBRIC.replace("Is it clear?", r"Is \${x} clear?").encode(),
    ],
)
def test_what_is_odd_and_right_is_taken(held):
    Path("mine/rubric/mine.yaml").write_bytes(held)
    check_file("rubric", Path("mine/rubric/mine.yaml"))


def test_the_signs_of_a_reference_can_be_written():
    written(RUBRIC.replace("Is it clear?", r"Is \${x} clear?"))
    job = composed("run", [f"hydra.searchpath=[file://{Path('mine').resolve()}]", "rubric=mine"])
    assert instance(job.cfg, "rubric").dimensions["clarity"].question == "Is ${x} clear?"


@pytest.mark.parametrize(
    ("key", "value"),
    [("question", None), ("title", ""), ("levels", {1: "a", 2: None, 3: "c"}), ("view", "whole")],
)
def test_no_other_way_to_a_rubric_is_laxer(key, value):
    job = composed("run", ["rubric=planted", f"rubric.dimensions.planted_quality={{{key}: x}}"])
    OmegaConf.update(job.cfg, f"rubric.dimensions.planted_quality.{key}", value, merge=False)
    with pytest.raises(RequestError, match=rf"{key.removesuffix('s')}.* must be"):
        instance(job.cfg, "rubric")


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


def test_a_name_that_a_shipped_choice_bears_is_taken(capsys):
    """Hydra would take the shipped one, and say nothing."""
    assert main(["rubric", "dimensions=[clarity]", "name=ml_notebooks"]) == 2
    assert "name=ml_notebooks is a rubric that is there already" in capsys.readouterr().err
    shipped = (config_dir() / "rubric" / "ml_notebooks.yaml").read_text()
    Path("mine/rubric/ml_notebooks.yaml").write_text(RUBRIC)
    words = ["validate", "--config-dir", "mine", "rubric=ml_notebooks"]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "mine/rubric/ml_notebooks.yaml bears the name of a choice" in told
    assert "give it another: rubric=my_ml_notebooks" in told
    Path("mine/rubric/ml_notebooks.yaml").write_text(shipped)
    assert main(words) == 0, "a copy changes nothing"


def test_a_wrong_request_for_a_rubric_is_told_at_once(capsys):
    wrong = ["action=old", "scale=some", "dimensions=[a-b]", "artefact=null", "out=", "name=null"]
    assert main(["rubric", *wrong]) == 2
    told = capsys.readouterr().err
    for key in ("action must be new", "scale must be like 1-5", "dimensions must be names",
                "artefact must be what", "out must be a folder", "name must be of"):  # fmt: skip
        assert key in told


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("dimensions=3", "dimensions must be names .*, got '3'."),
        ("dimensions={a: b}", "dimensions must be names .*, got {"),
        ("dimensions=[null]", r"dimensions must be names .*, got \[None\]"),
        ("dimensions=[a,a]", "dimensions must be named apart"),
        ("scale=null", r"\(0/100/1\), got None\.$"),
        ("scale=3", r"\(0/100/1\), got 3\.$"),
        ("scale=[3,2]", "got .3, 2.: scale grades must rise"),
        ("artefact='${x}'", "artefact refers to something that is not there"),
        ("out=/dev/null", "/dev/null/rubric/mine.yaml cannot be written"),
        ("", r"dimensions=\[clarity,tone\]\.$"),
    ],
)
def test_each_word_of_it_is_refused_by_its_key(word, told, capfd):
    few = () if "dimensions" in word or not word else ("dimensions=[a]",)
    assert main(["rubric", *few, *filter(None, [word])]) == 2
    assert re.search(told, capfd.readouterr().err.rstrip())


@pytest.mark.parametrize("artefact", ["a: b", "# x", "yes", 'it\'s "so"', "5", "größe"])
def test_any_artefact_and_any_name_gives_a_rubric_that_holds_them(artefact):
    escaped = artefact.replace("'", "\\'")
    words = ["dimensions=[yes,null_,on]", "name=yes", "scale=-1-1", f"artefact='{escaped}'"]
    assert main(["rubric", *words]) == 0
    job = composed("run", [f"hydra.searchpath=[file://{Path('my_conf').resolve()}]", "rubric=yes"])
    rubric = instance(job.cfg, "rubric")
    assert [rubric.name, rubric.artefact, *rubric.dimensions] == [
        "yes",
        artefact,
        "yes",
        "null_",
        "on",
    ]
    assert rubric.scale.grades == (-1, 0, 1)


@pytest.mark.parametrize(
    "path", sorted((config_dir() / "rubric").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_shipped_rubric_passes_its_own_check(path):
    assert main(["validate", f"rubric={path.stem}"]) == 0
    written(path.read_text().replace(f"\nname: {path.stem}\n", "\nname: mine\n"))
    assert main(CHECK) == 0
