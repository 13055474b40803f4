"""Every YAML of every group makes what it says, and every alignment runs."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

import pytest
import yaml

from memalign_bench.config import build, composed, config_dir, places
from memalign_bench.config.reference import reference
from memalign_bench.errors import RequestError
from memalign_bench.study import records
from memalign_bench.study.running.runner import run

NEEDS = {
    "dataset=files": ["dataset.path=somewhere"],
    "dataset=generated": ["dataset.path=somewhere"],
    "dataset=mlflow": ["dataset.experiment=some"],
    **{
        f"{group}={name}": [f"{group}.model=some"]
        for group in ("backend", "reflection", "embedding")
        for name in ("openai_compatible", "azure", "llamacpp", "lmstudio", "ollama", "vllm")
    },
    "rubric=planted": ["dataset=planted"],
    "alignment=criteria": ["scoring=checklist"],
}
MODELS = sorted(path.stem for path in (config_dir() / "backend").glob("*.yaml"))
NOT_EMBEDDING = [name for name in MODELS if name.startswith(("anthropic", "embedded"))]
GROUPS = ("dataset", "rubric", "view", "reflection", "embedding", "embedder",
          "distiller", "scoring", "alignment", "splits", "stats", "tracker",
          "experiment", "attack")  # fmt: skip
CHOICES = [
    f"{group}={path.stem}" for group in GROUPS for path in sorted((config_dir() / group).glob("*"))
    if path.suffix == ".yaml"
]  # fmt: skip
ROLES = ("backend", "reflection", "embedding")


@cache
def job_of(*words):
    """Composing takes a while, and several tests look at each choice."""
    return composed("run", words)


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_builds(choice):
    group, name = choice.split("=")
    job = job_of(choice, *NEEDS.get(choice, []))
    spec = build(job.cfg, job.choices)
    made = getattr(spec, group, None)
    if group in ("dataset", "rubric", "view", "scoring", "alignment", "splits"):
        assert made.name == name


def swept_alignments(preset):
    params = yaml.safe_load((config_dir() / f"experiment/{preset}.yaml").read_text())
    return params["hydra"]["sweeper"]["params"]["alignment"].replace("\n", "").split(",")


@pytest.mark.parametrize("preset", [c for c in CHOICES if c.startswith("experiment=")])
def test_no_control_of_a_preset_is_idle_as_the_preset_asks(preset):
    """Each would be refused, and with it the sweep, before anything is sent."""
    for name in map(str.strip, swept_alignments(preset.removeprefix("experiment="))):
        job = job_of(preset, f"alignment={name}")
        spec = build(job.cfg, job.choices)
        if reason_of := getattr(spec.alignment, "idle_reason", None):
            assert not reason_of(spec.rubric, spec.prompt, 2), name


@pytest.mark.parametrize("name", MODELS)
def test_a_backend_builds_and_is_the_same_in_every_role(name):
    roles = [role for role in ROLES if role != "embedding" or name not in NOT_EMBEDDING]
    needs = [word for role in roles for word in NEEDS.get(f"{role}={name}", [])]
    job = job_of(*(f"{role}={name}" for role in roles), *needs)
    spec = build(job.cfg, job.choices)
    for role in roles:
        assert getattr(spec, role).name == name
        assert job.choices[role] == name
        assert job.cfg[role] == job.cfg.backend


def test_a_class_may_be_named_by_the_place_where_it_stood_once(spec_of):
    here = spec_of("backend=vllm", "backend.model=m")
    once = "memalign_bench.backends.endpoint.OpenAICompatible"
    there = spec_of("backend=vllm", "backend.model=m", f"backend._target_={once}")
    assert there.backend == here.backend
    gone = "memalign_bench.backends.endpoints.OpenAICompatible"
    with pytest.raises(RequestError, match="endpoints"):
        spec_of("backend=vllm", "backend.model=m", f"backend._target_={gone}")


@pytest.mark.parametrize("place", sorted(places.MOVED.items()), ids=lambda place: place[0])
def test_what_has_moved_is_where_it_is_said_to_be(place):
    then, now = place
    assert find_spec(f"memalign_bench.{now}")
    with pytest.raises(ModuleNotFoundError):
        import_module(f"memalign_bench.{then}")


def test_an_embedded_model_brings_its_settings_along_as_a_judge_only():
    plain = composed("run", ["backend=scripted"])
    distils = composed("run", ["backend=scripted", "reflection=embedded"])
    assert distils.cfg.reflection == composed("run", ["backend=embedded"]).cfg.backend
    for group in ("scoring", "view", "distiller"):
        assert distils.choices[group] == plain.choices[group]


@pytest.mark.parametrize("name", NOT_EMBEDDING)
def test_a_model_that_does_not_embed_is_refused_before_anything_is_sent(name):
    job = composed("run", [f"embedding={name}", "embedder=backend"])
    with pytest.raises(RequestError, match=f"embedding={name} gives no embeddings"):
        build(job.cfg, job.choices)


def test_a_provider_states_what_differs_and_no_more():
    for path in (config_dir() / "backend").glob("*.yaml"):
        if path.stem == "scripted":  # no provider: a simulated judge, with settings of its own
            continue
        assert len(path.read_text().splitlines()) <= 10, path


NOTEBOOKS = ("dataset=genie_synth", "dimensions=[cell_organization]")
WANTS = {"other_guidelines": NOTEBOOKS, "raters_apart": NOTEBOOKS}
"""Alignments that need more than planted notes have: a second dimension, a second rater."""


ALIGNMENTS = sorted(
    path.stem
    for path in (config_dir() / "alignment").glob("*.yaml")
    if not path.stem.startswith("mlflow_")  # these run in tests/alignment/mlflow/test_memalign.py
)


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_every_alignment_runs_and_does_so_the_same_again(spec_of, tmp_path, name):
    scoring = "checklist" if name == "criteria" else "logprob"
    words = (f"alignment={name}", f"scoring={scoring}", "limit=24", *WANTS.get(name, ()))
    spec = spec_of(*words)
    outcome = run(spec)
    path = spec.study_dir / "runs" / outcome.run_id / "predictions.parquet"
    rows = records.read_rows(path, records.predictions_schema())
    assert [row["status"] for row in rows] == ["scored"] * 24
    again = spec_of(*words, f"results_dir={tmp_path / 'again'}")
    assert run(again).run_id == outcome.run_id
    twin = again.study_dir / "runs" / outcome.run_id / "predictions.parquet"
    assert twin.read_bytes() == path.read_bytes()


def test_the_run_id_follows_what_decides_numbers_and_nothing_else(spec_of, tmp_path):
    def run_id(*overrides):
        spec = spec_of(*overrides)
        return spec.run_id(spec.dataset.load(spec.rubric))

    usual = run_id()
    assert run_id("memory.query=view", "memory.diversity=0") == usual
    for same in ("backend.max_concurrency=2", "tracker=none", "study=other",
                 f"call_store={tmp_path}/x.sqlite", "backend.delay_s=0.5"):  # fmt: skip
        assert run_id(same) == usual, same
    for other in ("memory.k=2", "fold_seed=1", "folds=5", "backend.seed=1", "repeats=2", "limit=20",
                  "prompt.grades=words", "view.max_tokens=500", "dataset.seed=1",
                  "scoring=logprob", "applicability=given", "distiller=extractive",
                  "memory.query=case", "memory.query=facts", "view=facts",
                  "memory.diversity=0.3"):  # fmt: skip
        assert run_id(other) != usual, other
    # What is read of an item counts where it is read, and nowhere else.
    assert run_id("facts.max_tokens=500") == usual
    embedded = "memory.query=facts"
    assert run_id(embedded, "facts.max_tokens=500") != run_id(embedded)
    assert run_id("view=facts", "view.facts.any=[fits]") != run_id("view=facts")
    votes = ("alignment=knn_vote", embedded)
    assert run_id(*votes, "facts.facts.any=[fits]") != run_id(*votes)
    for name in ("alignment=knn_vote", "alignment=ridge"):
        assert run_id(name, "view.max_tokens=300") != run_id(name)
        assert run_id(name, "view.example_tokens=64") == run_id(name)  # it shows no example
    assert run_id("alignment=none") == run_id("alignment=none", "memory.k=2")
    median = "alignment=median_label"
    assert run_id(median) == run_id(median, "backend.seed=3")
    assert run_id(median) != run_id(median, "applicability=given")
    logprob = "scoring=logprob"
    assert run_id(logprob) == run_id(logprob, "calibration=batch")


@pytest.mark.parametrize(
    ("overrides", "variant"),
    [
        ((), "full"),
        (("scoring=logprob",), "full,scoring=logprob"),
        (("scoring=logprob", "applicability=judge"), "full,applicability=judge,scoring=logprob"),
        (("distiller=extractive", "memory.k=2"), "full,distiller=extractive,memory.k=2"),
        (("alignment=none", "memory.k=2", "fold_seed=3", "backend.seed=1"), "none"),
        (("alignment=semantic", "memory.k=2"), "semantic"),
        (("alignment=median_label", "prompt.grades=words"), "median_label"),
        (("alignment=ridge", "view.max_tokens=300"), "ridge,view.max_tokens=300"),
        (("prompt.grades=words",), "full,prompt.grades=words"),
        (("dataset=files", "dataset.path=x", "rubric=ml_notebooks"), "full"),
        (("backend=openai_compatible", "backend.model=m"), "full"),
        (("reflection=embedded_smollm2",), "full,reflection=embedded_smollm2"),
        (("reflection=scripted", "reflection.max_concurrency=2"), "full,reflection=scripted"),
        (("folds=5",), "full,folds=5"),
        (("memory.query=item", "memory.diversity=null"), "full,memory.query=item"),
        (("memory.query=facts",), "full,memory.query=facts"),
        (
            ("memory.query=facts", "facts.max_tokens=9999"),
            "full,facts.max_tokens=9999,memory.query=facts",
        ),
        (("facts.max_tokens=9999",), "full"),
        (("view=facts",), "full,view=facts"),
        (("embedding=scripted",), "full"),  # TF-IDF asks no model
        (("embedder=backend", "embedding=scripted"), "full,embedder=backend,embedding=scripted"),
        (("alignment=random_neighbours", "memory.diversity=0.3"), "random_neighbours"),
        (
            ("distiller=extractive", "distiller.n_guidelines=3"),
            "full,distiller=extractive,distiller.n_guidelines=3",
        ),
        (("view=compact", "view.max_tokens=500"), "full,view=compact,view.max_tokens=500"),
    ],
)
def test_a_variant_says_what_was_set_away_from_its_default(spec_of, overrides, variant):
    assert spec_of(*overrides).variant == variant


def test_no_plain_key_bears_the_name_of_a_group():
    """Hydra would take its value for a choice, which the command does not have, and refuse it."""
    groups = {path.name for path in config_dir().iterdir() if path.is_dir()}
    for path in config_dir().glob("*.yaml"):
        top = yaml.safe_load(path.read_text())
        plain = {key for key, value in top.items() if not isinstance(value, dict)}
        assert not plain & groups, path


def test_the_reference_of_keys_and_choices_is_that_of_the_files():
    """Mend with `make reference`."""
    assert (config_dir() / "README.md").read_text() == reference()
    text = reference()
    for path in config_dir().glob("*/*.yaml"):
        assert f"| `{path.stem}` |" in text, path
    for key in ("memory.k", "prompt.examples", "stats.margin", "budget_usd"):
        assert f"| `{key.removeprefix('stats.')}` |" in text
