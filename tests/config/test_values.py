"""A value has the type that its key has in `conf/`, and lies in its range, for every command."""

import re

import pytest

from memalign_bench.cli import main
from memalign_bench.config import CONFIG_NAMES, build, composed, config_dir, settled_values
from memalign_bench.config.checking import type_problems
from memalign_bench.config.rules import RULES
from memalign_bench.config.values import _packaged_values, kind_of, value_problems
from memalign_bench.errors import RequestError

PLANTED = ("dataset=planted", "backend=scripted", "limit=12", "folds=2", "study=s")
RUN = ("run", *PLANTED)
REPORT = ("report", "study=s", "tracker=none")
VERIFY = ("cassette", "action=verify", "study=s")
PUBLISHED = (*REPORT, "stats=published")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        *(
            ((*command, f"stats.{word}"), f"stats.{word.partition('=')[0]} must be")
            for command in (RUN, REPORT, ("export_judge", "study=s"), ("paper", "study=s"))
            for word in ("margin=abc", "margin=null", "margin=-1", "margin=nan", "n_resamples=0",
                         "n_resamples=x", "n_resamples=1.5", "seed=-1", "seed=x", "missing=exlude",
                         "spreads=[0.4]", "spreads=[0.4,0.2]", "published=5")
        ),
        *(
            ((*command, "stats=published", f"stats.published.{word}"), "stats.published.")
            for command in (RUN, REPORT)
            for word in ("level=5", "level=x", "of=0", "drawn=0", "drawn=1.5", "resamples=null")
        ),
        *(
            ((*RUN, word), f"{word.partition('=')[0]} must be")
            for word in ("strict=maybe", "dry_run=maybe", "budget_usd=-1", "budget_usd=nan",
                         "max_minutes=0", "backend.max_concurrency=0", "backend.max_concurrency=-1",
                         "backend.delay_s=-1", "backend.context=-1", "distiller.batch_size=-1",
                         "distiller.batch_size=0", "distiller.max_guidelines=-1",
                         "distiller.characters=-1", "embedder.ngrams=0", "embedder.ngrams=-1",
                         "scoring.max_tokens=-1", "results_dir=[a]", "register=1")
        ),
        ((*RUN, "distiller=extractive", "distiller.embedder.ngrams=0"), "embedder.ngrams must be"),
        ((*RUN, "reflection=scripted", "reflection.delay_s=-1"), "reflection.delay_s must be"),
        ((*RUN, "study=null"), "study needs a name, got null; say study=NAME"),
        (("report", "study=null"), "study needs a name, got null; say study=NAME."),
        (("cassette", "study=null"), "study needs a name, got null"),
        (("gate", "results_dir=null"), "results_dir needs a folder"),
        ((*REPORT, "against_shared=maybe"), "against_shared must be true or false, got 'maybe'"),
        (("doctor", "probe=maybe"), "probe must be true or false"),
        (("doctor", "backend=scripted", "backend.max_concurrency=0"), "backend.max_concurrency"),
        (("validate", "dataset=planted", "strict=maybe"), "strict must be true or false"),
        (("label", "action=pull", "strict=maybe"), "strict must be true or false"),
        (("score", "path=x", "judge=y", "budget_usd=-1"), "budget_usd must be"),
        (("export_judge", "study=s", "budget_usd=-1", "register=maybe"),
         r"register must be(.|\n)*budget_usd must be"),
        (("generate", "budget_usd=-1", "n=0"), r"n must be(.|\n)*budget_usd must be"),
        *(((*VERIFY, word), f"{word.partition('=')[0]} must be a whole number")
          for word in ("sample=abc", "sample=2.5", "sample=-1", "sample=0", "seed=x")),
        *((("certify", f"certify.{word}"), f"certify.{word.partition('=')[0]} must be")
          for word in ("draws=abc", "draws=null", "draws=1.5", "seed=abc", "seed=1.5",
                       "workers=two", "workers=0")),
        *((("corpus", word), f"{word.partition('=')[0]} must be")
          for word in ("repeats=x", "repeats=0", "views=compact", "tells=maybe", "seed=1.5")),
        (("corpus", "views=[foo]"), r"views: \['foo'\] are none; there are .*compact"),
        (("leaderboard", "level=5"), "level must be a number between 0 and 0.5"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_before_anything_is_done(here, capsys, words, told):
    assert main(list(words)) == 2
    error = capsys.readouterr().err
    assert re.search(told, error)
    lines = error.splitlines()
    assert len(lines) == len({*lines}), "each problem once"
    assert not [path for path in here.rglob("*") if path.is_file()]


def test_all_wrong_values_of_a_request_are_told_at_once(here, capsys):
    words = ["stats.margin=0", "backend.delay_s=-1", "budget_usd=x", "memory.k=0", "label_noise=2"]
    assert main([*RUN, *words]) == 2
    told = capsys.readouterr().err
    for key in ("stats.margin", "backend.delay_s", "budget_usd", "memory.k", "label_noise"):
        assert told.count(f"{key} must be") == 1, key


def test_one_wrong_job_of_a_sweep_stops_all(here, capsys):
    assert main(["certify", "-m", "certify.draws=2,x"]) == 2
    assert "certify.draws must be" in capsys.readouterr().err
    assert [*here.iterdir()] == []


def test_what_a_report_would_refuse_is_not_registered(here):
    for word in ("stats.margin=-1", "stats.missing=exlude", "stats.n_resamples=0"):
        assert main([*RUN, word]) == 2
    assert not (here / "results").exists()
    assert main([*RUN, "alignment=none", "tracker=none"]) == 0


def test_a_name_that_a_yaml_says_as_a_number_is_refused(here, capsys):
    (here / "conf/experiment").mkdir(parents=True)
    yaml = here / "conf/experiment/mine.yaml"
    yaml.write_text("# @package _global_\nstudy: 2026_11_30\n")
    words = ["run", "--config-dir", "conf", "experiment=mine", *PLANTED[:4]]
    assert main(words) == 2
    assert "study must be a name, got 20261130; where a YAML says it" in capsys.readouterr().err


@pytest.mark.parametrize("command", CONFIG_NAMES)
def test_what_is_packaged_has_no_wrong_value(command):
    assert [*value_problems(command, settled_values(composed(command).cfg))] == []


def test_every_key_of_the_table_is_one_that_some_command_has():
    keys = {key for command in CONFIG_NAMES for key in _packaged_values(command)}
    for key in RULES.keys() - keys:
        group, _, rest = key.partition(".")
        files = [*(config_dir() / group).glob("**/*.yaml")]
        last = rest.rpartition(".")[2]
        assert any(re.search(rf"^\s*{last}: ", path.read_text(), re.M) for path in files), key


def test_the_keys_of_a_class_of_ones_own_may_mean_anything():
    node = {"_target_": "mine.Distiller", "batch_size": -1}
    assert [*value_problems("run", {"distiller": node})] == []
    node["_target_"] = "memalign_bench.memory.distillers.LLMDistiller"
    assert len([*value_problems("run", {"distiller": node})]) == 1


def test_the_fields_of_a_named_tuple_have_types():
    target = "memalign_bench.stats.published.PublishedBootstrap"
    node = {"_target_": target, "drawn": "x", "of": 50, "resamples": 10, "level": 0.95}
    assert type_problems(node, "published", {}) == {
        "drawn": "published.drawn must be a whole number, got 'x'."
    }


def test_null_fits_where_it_is_what_is_packaged():
    for word in ("limit=null", "n_train=null", "budget_usd=null", "call_store=null"):
        build(*composed("run", ["dataset=planted", "backend=scripted", word])[:2])
    with pytest.raises(RequestError, match="folds must be a whole number >= 2, got null"):
        build(*composed("run", ["dataset=planted", "backend=scripted", "folds=null"])[:2])
    assert [*value_problems("paper", {"certify": None, "forensics": None})] == []


@pytest.mark.parametrize(
    ("command", "words"),
    [("run", ["dataset=planted"]), ("generate", ["agent=llm"]), ("run", ["experiment=full"])],
)
def test_no_number_or_switch_is_taken_for_a_text(command, words):
    plain = settled_values(composed(command, words).cfg)

    def numbers(node, lead=""):
        for key, value in node.items():
            if isinstance(value, dict):
                yield from numbers(value, f"{lead}{key}.")
            elif isinstance(value, int | float):
                yield f"{lead}{key}"

    found = [*numbers(plain)]
    assert len(found) > 10
    assert [key for key in found if kind_of(command, key) != "other"] == []


def test_a_key_is_known_as_a_text_or_not():
    assert kind_of("run", "dataset.revision") == "text"  # a commit such as 5e80
    assert kind_of("score", "context") == "text"
    assert kind_of("run", "backend.context") == "other"
    assert kind_of("generate", "agent.plan") == "other"  # a switch; plan= of a run is a file
    assert kind_of("run", "plan") == "text"
    assert kind_of("leaderboard", "runs") == "texts"
    assert kind_of("certify", "certify.draws") == "other"
