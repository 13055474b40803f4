"""What is sure to fail is told by validate, by a dry run and before the first call."""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.cli import main
from memalign_bench.study.running.foreseeing import runs_sure_to_fail

DATA = ("dataset=files", "dataset.path=t.jsonl", "gold=median", "rubric=mine")
RUBRIC = """\
# Two questions about a note.
_target_: memalign_bench.types.Rubric
name: mine
artefact: note
scale: {_target_: memalign_bench.types.Scale, grades: [1, 2, 3], words: [bad, fair, good]}
dimensions:
  sound: &one
    _target_: memalign_bench.types.DimensionRubric
    name: sound
    title: Sound
    question: Is it sound?
    levels: {1: No., 2: So., 3: Yes.}
  terse:
    <<: *one
    name: terse
    title: Terse
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine/rubric").mkdir(parents=True)
    Path("mine/rubric/mine.yaml").write_text(RUBRIC)


def labels(**rationales):
    lines = [
        {"item_id": f"i{n}", "case_id": f"c{n}", "content": f"The {word} note.", "rater": "ann",
         "dimension": dimension, "score": 1 + n % 3, "rationale": rationales.get(dimension, "")}
        for n, word in enumerate(("silk", "jute", "wool", "flax", "hemp", "lace", "yarn", "felt"))
        for dimension in ("sound", "terse")
    ]  # fmt: skip
    Path("t.jsonl").write_text("\n".join(map(json.dumps, lines)))


def asked(served, *words):
    place = ["backend=openai_compatible", "backend.model=m", f"backend.base_url={served.base_url}"]
    sweep = ["-m"] if any("," in word for word in words) else []
    return main(["run", *sweep, "--config-dir", "mine", *DATA, *place, "tracker=none", *words])


def test_no_plan_is_registered_for_what_data_or_folds_refuse(capsys):
    words = [
        "run",
        "dataset=planted",
        "backend=scripted",
        "tracker=none",
        "study=s",
        "alignment=none",
    ]
    assert main([*words, "limit=3"]) == 2
    assert "folds=4 cannot be made from 2 cases" in capsys.readouterr().err
    Path("t.jsonl").write_text('{"item_id": "i1", "content": "A note.", "score": 9}\n')
    assert main(["run", "--config-dir", "mine", *DATA, *words[2:]]) == 2
    assert main([*words, "gold=ann"]) == 2
    assert not Path("results").exists()


def test_a_plan_claims_nothing_of_names_that_nothing_bears(capsys):
    words = ["run", "dataset=planted", "backend=scripted", "tracker=none", "study=s"]
    words += ["alignment=none", "limit=12", "folds=2"]
    wrong = ["contrasts=[[ful,none]]", "backends=[scriptd]", "dimensions=[planted_qualty]"]
    assert main([*words, *(f"claims.{word}" for word in wrong)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "memalign-bench: claims.contrasts: there is no 'ful'. Did you mean full?",
        "claims.backends: there is no 'scriptd'. Did you mean scripted?",
        "claims.dimensions: there is no 'planted_qualty'. Did you mean planted_quality?",
    ]
    swept = [*words[:-3], "alignment=none,full", *words[-2:], "-m"]
    assert main([*swept, "claims.contrasts=[[zzz,none]]"]) == 2
    [told] = capsys.readouterr().err.splitlines()
    assert told.count(" full,") == 1
    assert not Path("results").exists()
    # What runs later may be claimed now.
    assert main([*words, "claims.contrasts=[[semantic,none]]", "claims.backends=[openai]"]) == 0


def test_what_a_report_could_not_keep_apart_is_not_asked(capsys):
    words = ["run", "dataset=planted", "tracker=none", "alignment=none", "limit=12", "folds=2"]
    assert main([*words, "-m", "backend=scripted", "study=s", "backend.effect=0.0,0.8"]) == 2
    told = capsys.readouterr().err
    assert "two runs of none,folds=2 on scripted (fold seed 0) differ" in told
    assert "the backend's effect 0.0 and 0.8, which no variant names" in told
    place = ["backend=openai_compatible", "backend.base_url=http://127.0.0.1:1/v1"]
    assert main([*words, "-m", *place, "study=s", "backend.model=x,y"]) == 2
    assert "'openai_compatible' would stand for the models x and y" in capsys.readouterr().err
    assert not Path("results").exists()
    # Nor beside what the study holds; another variant, fold seed or study is other rows.
    words += ["backend=scripted"]
    assert main([*words, "study=s"]) == 0
    assert main([*words, "study=s", "backend.effect=0.3"]) == 2
    assert "effect 0.8 and 0.3" in capsys.readouterr().err
    assert main([*words, "study=s", "backend.effect=0.3", "fold_seed=1"]) == 0
    assert main([*words, "study=t", "backend.effect=0.3"]) == 0
    assert main([*words, "study=s", "backend.max_concurrency=2"]) == 0


def test_dimensions_without_labels_are_left_out_whatever_learns_from_the_others(capsys):
    labels(sound="So.")
    lines = Path("t.jsonl").read_text().splitlines()
    Path("t.jsonl").write_text("\n".join(line for line in lines if "terse" not in line))
    words = ["run", "-m", "--config-dir", "mine", *DATA, "backend=scripted", "tracker=none"]
    words += ["alignment=none,full", "study=s"]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "no label on terse: left out." in told
    assert "no label of terse has one" not in told
    assert main([*words, "dimensions=[sound,terse]"]) == 2
    told = capsys.readouterr().err
    assert "no label on 'terse' with gold='median'. Leave it out: dimensions=[sound]." in told


@pytest.mark.parametrize(
    ("control", "reason"),
    [
        ("other_guidelines", "takes guidelines of a second dimension, and rubric 'planted' has"),
        ("raters_apart", "shows every rater's grade, and no training item has two raters"),
        ("no_rationales", "prompt.rationales=false shows none"),
    ],
)
def test_a_control_that_has_nothing_to_show_is_refused_before_the_first_call(
    control, reason, capsys
):
    words = ["run", "-m", "dataset=planted", "backend=scripted", "tracker=none", "study=s"]
    words += ["prompt.rationales=false"]
    assert main([*words, f"alignment=none,{control}"]) == 2
    told = capsys.readouterr().err
    assert f"alignment={control} " in told
    assert reason in told
    assert not Path("results").exists()
    assert main([*words, f"alignment={control}", "dry_run=true"]) == 2


@pytest.mark.parametrize(
    "more", [["alignment=full"], ["alignment=none,semantic"], ["alignment=full", "dry_run=true"]]
)
def test_labels_without_rationales_cannot_be_distilled_and_nothing_is_sent(more, capsys):
    labels()
    with serving(Provider()) as served:
        assert asked(served, "study=s", *more) == 2
        told = capsys.readouterr().err
        assert "no label of sound, terse has one: every answer would fail" in told
        assert "Use alignment=episodic" in told
        assert not served.requests
        assert not Path("results/s/runs").exists()
        assert asked(served, "study=s", "alignment=episodic") == 0, "what is advised works"


def test_one_dimension_without_rationales_is_warned_of_and_the_other_goes_on(capsys):
    labels(sound="It is so.")
    with serving(Provider()) as served:
        assert asked(served, "study=s", "alignment=semantic", "dry_run=true") == 0
        assert "no label of terse has one: its answers will fail" in capsys.readouterr().err
        words = ["alignment=semantic", "distiller=extractive", "study=s"]
        assert asked(served, *words) == 1
        told = capsys.readouterr().err
        assert told.index("no label of terse has one") < told.index("failed:")
        assert asked(served, *words, "dimensions=[sound]") == 0


def test_validate_says_which_alignments_the_labels_do_not_support(capsys):
    labels(sound="It is so.")
    assert main(["validate", "--config-dir", "mine", *DATA]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "terse: no label has a rationale; alignment=semantic and full" in told
    assert "alignment=episodic" in told
    assert "sound: no label has a rationale" not in told


def test_more_labels_than_the_folds_hold_are_told_of(capsys):
    labels()
    words = ["run", "--config-dir", "mine", *DATA, "backend=scripted", "tracker=none"]
    assert main([*words, "alignment=episodic", "study=s", "memory.k=2", "n_train=7"]) == 0
    told = capsys.readouterr().err
    assert "n_train=7 is more than the other folds hold (at least sound 6, terse 6)" in told
    assert main([*words, "alignment=episodic", "study=s", "memory.k=2", "n_train=6"]) == 0
    assert "than the other folds hold" not in capsys.readouterr().err


def test_an_alignment_may_list_its_keys_as_it_likes(spec_of):
    spec = spec_of("alignment=full")
    listed = replace(spec, alignment=Listed("mine", ("n_train", "distiller")))
    assert runs_sure_to_fail([listed]) == runs_sure_to_fail([spec]) == []


class Listed(NamedTuple):
    """An alignment of one's own whose keys are a tuple."""

    name: str
    keys: tuple[str, ...]
    needs_model: bool = True
