"""`memalign-bench headroom` from the command line to the records and the report."""

import csv
import io

import numpy as np
import pytest
from tests.report.made_report import report_of

from memalign_bench.backends.base import OptionProbabilities
from memalign_bench.backends.simulated.scripted_judge import SimulatedJudge
from memalign_bench.cli import main
from memalign_bench.config import build_headroom, composed
from memalign_bench.headroom.parts import UNSEEN
from memalign_bench.headroom.records import read_headroom
from memalign_bench.report.tables.files import texts_of
from memalign_bench.study.plan import make_plan
from memalign_bench.types import Usage

DIMENSIONS = ("data_imputation", "model_training", "model_use")
WORDS = ("dataset.seed=1", f"dimensions=[{','.join(DIMENSIONS)}]", "backend=scripted")
JUDGE = (*WORDS, "scoring=logprob", "view=compact", "tracker=none")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def records_of(study):
    (found,) = read_headroom(study)
    return found


def all_seeing(words):
    """Answers of a judge that knows every planted fact of the item that it is shown."""
    job = composed("headroom", list(words))
    request = build_headroom(job.cfg, job.choices)
    plan = make_plan(request.spec)
    planted = {(one.dimension, one.item_id): one.facets for one in plan.data.evidence}
    texts = {plan.shown[item, name].text: (name, item) for item, name in plan.gold}
    facts = {
        (name, f"{fact.question} {request.facets.ending}"): fact
        for name in DIMENSIONS
        for fact in request.facets.dimensions[name].facts
    }

    def grade(judge, request):
        shown, asked = (message.content for message in request.messages[:2])
        place = texts.get(shown.partition("# Item\n")[2])
        fact = facts.get((place[0], asked)) if place else None
        usage = Usage(prompt_tokens=1)
        if fact is None:
            return OptionProbabilities(
                (1 / len(request.options),) * len(request.options), 1.0, usage, "scripted"
            )
        yes = 0.9 if fact.holds(planted[place]) else 0.7  # polite, but it tells them apart
        return OptionProbabilities((1 - yes, yes), 1.0, usage, "scripted")

    return grade


def test_perfect_sight_leaves_exactly_the_raters_noise(here, monkeypatch, capsys):
    monkeypatch.setattr(SimulatedJudge, "grade", all_seeing(JUDGE))
    assert main(["headroom", *JUDGE, "study=dev", "headroom.bound=[facts]"]) == 0
    found = records_of(here / "results" / "dev")
    facts = [one for some in found.manifest["facts"].values() for one in some.values()]
    assert len(facts) > 8
    assert all(one["seen"] for one in facts)
    for name in DIMENSIONS:
        rows = [row for row in found["sight"] if row["dimension"] == name]
        assert len(rows) == {"data_imputation": 12, "model_use": 18}.get(name, 24)
        assert [row["seen_grade"] for row in rows] == [row["true_grade"] for row in rows]
        assert not any(row["part"] == UNSEEN for row in rows)
        noise = np.mean([abs(row["true_grade"] - row["expert_score"]) for row in rows])
        left = np.mean([abs(row["seen_grade"] - row["expert_score"]) for row in rows])
        assert left == noise
    assert "items seen and not shared" in capsys.readouterr().err
    # With the thresholds of these items, the same judge sees as much of the reported corpus.
    monkeypatch.setattr(SimulatedJudge, "grade", all_seeing([*JUDGE, "dataset.seed=0"]))
    # What these are asked for is sight alone: without a bound, which takes longest.
    frozen = ("headroom.thresholds=results/dev/headroom/scripted/thresholds.yaml",
              "headroom.bound=[]")  # fmt: skip
    assert main(["headroom", *JUDGE, "dataset.seed=0", *frozen, "study=full"]) == 0
    other = records_of(here / "results" / "full")
    assert other.manifest["thresholds_from"] == "another corpus"
    assert "thresholds" not in other.manifest["config"]["headroom"]  # a path of this machine
    # Those of one level are not taken for the other's without a word.
    plain = [*JUDGE, "dataset.difficulty=plain", *frozen, "study=plain"]
    assert main(["headroom", *plain]) == 0
    told = "another corpus, of another dataset (genie_synth, here genie_synth_plain)"
    assert records_of(here / "results" / "plain").manifest["thresholds_from"] == told
    assert told in capsys.readouterr().err
    told = other.manifest["facts"]["model_training"]
    assert told["tuned_on_test"]["seen"]
    # No item of the development corpus has shuffled folds: nothing says where to cut.
    assert not told["shuffled_folds"]["seen"]
    assert told["shuffled_folds"]["note"].startswith("no threshold")


def test_yes_to_everything_is_told_as_not_seen_and_every_part_is_in_the_report(here, capsys):
    polite = [*JUDGE, "backend.politeness=1"]
    assert main(["run", "-m", *polite, "alignment=none,episodic", "study=s"]) == 0
    assert main(["headroom", *polite, "study=s"]) == 0
    said = capsys.readouterr().err
    assert "not seen (answers yes to all; orders items no better than chance" in said
    assert "upper bound, learnt from labels of other folds: nothing" in said
    found = records_of(here / "results" / "s")
    assert not any(
        one["seen"] for some in found.manifest["facts"].values() for one in some.values()
    )
    assert {row["source"] for row in found["bound"]} == {
        *("nothing", "facts", "grades", "criteria", "embedding", "together")
    }
    made = report_of(here / "results" / "s", n_resamples=50)
    rows = list(csv.DictReader(io.StringIO(texts_of(made.table("headroom"))["csv"])))
    for row in rows:
        parts = sum(float(row[name]) for name in ("shared", "not_shared", "not_seen"))
        assert parts == pytest.approx(float(row["mae"]), abs=1e-5)
    assert {row["alignment"] for row in rows} == {"none", "episodic"}
    assert main(["report", "study=s", "figure=headroom", "stats.n_resamples=50"]) == 0
    assert (here / "results/s/figures/headroom.svg").is_file()


def test_it_goes_on_where_it_stopped_and_a_dry_run_asks_nothing(here, monkeypatch, capsys):
    words = ["headroom", *JUDGE, "study=s", "headroom.bound=[grades]"]
    assert main([*words, "dry_run=true"]) == 0
    assert not (here / "results" / "s" / "headroom").exists()
    assert " 0 stored" in capsys.readouterr().err
    assert main(words) == 0
    folder = here / "results/s/headroom/scripted"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    # Every answer comes from the call store now.
    monkeypatch.setattr(SimulatedJudge, "grade", None)
    assert main(words) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_data_without_facets_get_the_bound_alone(here, capsys):
    words = ["dataset=planted", "rubric=planted", "backend=scripted", "study=p"]
    assert main(["headroom", *words, "headroom.bound=[criteria,embedding]"]) == 0
    assert "none planted" in capsys.readouterr().err
    found = records_of(here / "results" / "p")
    assert not found["sight"]
    assert {row["source"] for row in found["bound"]} == {
        *("nothing", "criteria", "embedding", "together")
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["alignment=full"], "headroom asks the judge as it is"),
        (["headroom.bound=[guesses]"], "is none of facts, grades"),
        (["headroom.thresholds=nowhere.yaml"], "nowhere.yaml' cannot be read"),
        (["headroom.thresholds=5"], "headroom.thresholds='5' cannot be read ("),
        (["headroom=5"], "headroom must be a mapping of its keys, got 5; set one of headroom.thr"),
        (["backend=anthropic", "scoring=verdict"], "headroom needs probabilities of yes and no"),
    ],
)
def test_what_cannot_be_measured_is_refused(here, capsys, words, told):
    assert main(["headroom", *JUDGE, *words, "study=s"]) == 2
    assert told in capsys.readouterr().err


def test_all_that_is_wrong_is_told_at_once(here, capsys):
    (here / "conf" / "facets").mkdir(parents=True)
    (here / "conf" / "facets" / "own.yaml").write_text(
        "_target_: memalign_bench.headroom.facets.FacetQuestions\n"
        "name: own\ninstruction: Read.\nending: Yes or no.\nrequest: {}\n"
        "dimensions: {d: [a], e: {facts: [x], expert: 5, literal: {1: x}}}\n"
    )
    (here / "thresholds.yaml").write_text("dimensions: {d: [a], e: {f: 1}}\n")
    words = ["headroom.thresholds=thresholds.yaml", "headroom.bound=[x]", "folds=1", "facets=own"]
    assert main(["headroom", "--config-dir", "conf", *JUDGE, *words, "study=s"]) == 2
    told = capsys.readouterr().err
    for line in (
        "folds must be a whole number >= 2",
        "facets.dimensions.d: it has facts, expert, literal and nothing else",
        "facets.dimensions.e: facts is a mapping",
        "facets.dimensions.e: expert: it says by grade",
        "facets.dimensions.e: literal: 1 has a list of texts",
        "thresholds.yaml, d: Input should be a valid dictionary",
        "thresholds.yaml, e, f: Input should be a dictionary",
        "headroom.bound: ['x'] is none of facts",
    ):
        assert told.count(line) == 1, line


def test_a_convention_that_is_not_the_datas_is_refused(here, capsys):
    words = [*JUDGE, "facets.request.imbalanced=never", "study=s"]
    assert main(["headroom", *words]) == 2
    told = capsys.readouterr().err
    assert "model_training: the expert convention of facets=ml_notebooks gives" in told
    assert "gives 3, the data say 2" in told


def test_thresholds_of_these_very_items_are_refused(here, capsys):
    """Chosen with an item's own truth in sight, they are not those of another corpus."""
    few = ["headroom", "dataset.seed=1", "dimensions=[model_training]", "backend=scripted",
           "view=compact", "headroom.bound=[]", "study=dev"]  # fmt: skip
    assert main([*few, "limit=12"]) == 0
    frozen = "headroom.thresholds=results/dev/headroom/scripted/thresholds.yaml"
    capsys.readouterr()
    for more in (["dry_run=true"], []):
        assert main([*few, "limit=12", frozen, *more]) == 2
        assert "were chosen on these very items" in capsys.readouterr().err
    assert main([*few, "limit=12", "dataset.seed=0", "study=full", frozen]) == 0


def test_other_items_than_the_studys_are_refused_and_another_judge_is_told_of(here, capsys):
    small = ["limit=12", "view=compact", "tracker=none", "backend=scripted"]
    assert main(["run", *JUDGE, "limit=12", "alignment=none", "study=dev"]) == 0
    capsys.readouterr()
    words = ["headroom", *JUDGE, *small, "study=dev", "dry_run=true"]
    assert main([*words, "dataset.seed=0"]) == 2
    told = capsys.readouterr().err
    assert "study 'dev' is another one" in told
    assert "have none of them: say dataset=genie_synth" in told
    assert main([*words, "backend=embedded"]) == 0
    told = capsys.readouterr().err
    assert "study 'dev' has no run of embedded yet (its judges: scripted)" in told
    assert "has no run of just these items" not in told
    # All of its items, of which the run had twelve, are the same data, and no run is of them.
    assert main(["headroom", *JUDGE, "study=dev", "dry_run=true"]) == 0
    assert "has no run of just these items (limit=, n_cases=)" in capsys.readouterr().err
    assert main(["headroom", *JUDGE, "study=never", "dry_run=true"]) == 0
    assert "study 'never' has no run yet" in capsys.readouterr().err
