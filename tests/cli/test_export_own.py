"""export_judge finds the data of any study again, by its records and what was noted beside them."""

import json
import shutil
from pathlib import Path

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench import load_judge
from memalign_bench.cli import main
from memalign_bench.config import config_dir

EXPORT = ("export_judge", "study=mine", "alignment=full", "stats.n_resamples=200")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    lines = [
        {"item_id": f"i{n}", "case_id": f"c{n}", "content": f"The {word} note.", "rater": "ann",
         "dimension": "planted_quality", "score": 1 + n % 3, "rationale": f"For its {word}."}
        for n, word in enumerate(("silk", "jute", "wool", "flax", "hemp", "lace", "yarn", "felt"))
    ]  # fmt: skip
    Path("data/t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    Path("conf/rubric").mkdir(parents=True)
    shipped = (config_dir() / "rubric" / "planted.yaml").read_text()
    Path("conf/rubric/own.yaml").write_text(shipped.replace("name: planted\n", "name: own\n"))


def studied(*words):
    data = ["dataset=files", "dataset.path=data/t.jsonl", "rubric=own", "gold=median"]
    assert main(["run", "--config-dir", "conf", *data, "study=mine", "memory.k=2", *words]) == 0


def exported():
    (path,) = Path("results/mine/judges").rglob("planted_quality.json")
    return path


def left():
    return sorted(path.name for path in Path().iterdir())


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_own_data_own_rubric_and_own_tracker_are_found_again(tmp_path, capsys):
    """The line of the README, whatever the data: nothing is said again."""
    store = f"tracker.uri=sqlite:///{tmp_path}/tracked/store.sqlite"
    studied("backend=scripted", store, "tracker.experiment=judges")
    assert main([*EXPORT, "backend=scripted"]) == 0
    assert "registered as 'planted_quality', version 1" in capsys.readouterr().err
    assert left() == ["conf", "data", "results", "tracked"], "no database in the working directory"
    assert not Path("results/mlflow.sqlite").exists(), "it is registered where it was tracked"
    with load_judge(exported()) as judge:
        assert judge.score("A silk note.").score in (1, 2, 3)


def test_data_with_a_name_of_their_own_are_found_by_the_choice_that_bore_it(capsys):
    studied("backend=scripted", "tracker=none", "dataset.name=notes")
    assert main([*EXPORT, "tracker=none"]) == 2
    advice = "if dataset.name was set by hand, name the choice it was set on (dataset=files)"
    assert advice in capsys.readouterr().err
    assert main([*EXPORT, "tracker=none", "dataset=files"]) == 0, "the advice works as it stands"
    assert exported().is_file()


def test_a_model_at_an_address_of_ones_own_is_found_again():
    with serving(Provider()) as served:
        place = f"backend.base_url={served.base_url}/v1"
        studied("backend=openai_compatible", "backend.model=m", place, "tracker=none")
        for more in ([], ["backend=openai_compatible"]):
            shutil.rmtree("results/mine/judges", ignore_errors=True)
            assert main([*EXPORT, "tracker=none", *more]) == 0
            assert exported().is_file()


def test_records_from_elsewhere_want_a_path_and_take_it(capsys):
    studied("backend=scripted", "tracker=none")
    shutil.rmtree("results/mine/.places")
    Path("data").rename("moved")
    words = ["export_judge", "--config-dir", "conf", *EXPORT[1:], "tracker=none"]
    assert main(words) == 2
    assert "dataset.path must be set" in capsys.readouterr().err
    assert main([*words, "dataset.path=moved/t.jsonl"]) == 0, "the advice works as it stands"
    assert main([*words, "dataset=files", "dataset.path=moved/t.jsonl"]) == 0
    assert main([*words, "dataset.pth=moved/t.jsonl"]) == 2
    assert "dataset.pth cannot be set here" in capsys.readouterr().err


def test_places_stay_out_of_the_records(tmp_path):
    studied("backend=scripted", "tracker=none")
    told = [path for path in Path("results/mine/runs").rglob("*") if path.is_file()]
    assert told
    assert not any(str(tmp_path).encode() in path.read_bytes() for path in told)


def test_a_noted_folder_brings_no_foreign_class_along(capsys):
    studied("backend=scripted", "tracker=none")
    own = Path("conf/rubric/own.yaml")
    own.write_text(own.read_text().replace("memalign_bench.types.Rubric", "os.system"))
    assert main([*EXPORT, "tracker=none"]) == 2
    assert "os.system, which this package does not have" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_traces_of_mlflow_are_found_again_and_leave_no_database(tmp_path, monkeypatch):
    import mlflow
    from mlflow.entities import AssessmentSource

    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    held = mlflow.get_tracking_uri()
    store = f"sqlite:///{tmp_path}/traces/store.sqlite"
    Path("traces").mkdir()
    mlflow.set_tracking_uri(store)
    mlflow.create_experiment("notes", artifact_location=(tmp_path / "traces/a").as_uri())
    mlflow.set_experiment("notes")
    for number, word in enumerate(("silk", "jute", "wool", "flax", "hemp", "lace", "yarn", "felt")):
        with mlflow.start_span(name="note") as span:
            span.set_inputs({"question": f"Note {number}?"})
            span.set_outputs(f"The {word} note.")
        mlflow.log_feedback(
            trace_id=span.trace_id,
            name="quality",
            value=1 + number % 3,
            rationale=f"For its {word}.",
            source=AssessmentSource(source_type="HUMAN", source_id="ann"),
        )
    mlflow.set_tracking_uri(held)
    data = ["dataset=mlflow", "dataset.experiment=notes", f"dataset.tracking_uri={store}"]
    data += ["dataset.dimensions={quality: planted_quality}", "rubric=planted", "gold=ann"]
    words = ["backend=scripted", "study=mine", "memory.k=2", "tracker=none"]
    assert main(["run", *data, *words]) == 0
    assert main([*EXPORT, "backend=scripted", "tracker=none"]) == 0
    assert exported().is_file()
    assert left() == ["conf", "data", "results", "traces"]
