"""Which builds of llama.cpp answered a run: the scripted judge stands in for two of them."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from memalign_bench.backends.local.features import Build
from memalign_bench.backends.simulated.scripted_judge import SimulatedJudge
from memalign_bench.backends.store.call_store import canonical_json
from memalign_bench.study import builds
from memalign_bench.study.builds import build_entries, mixed_warning
from memalign_bench.study.records import read_json, write_json
from memalign_bench.study.running.runner import run

STOCK = Build("1", ("AVX2",))
NATIVE = Build("1", ("AMX_INT8", "AVX2"))
SHORT = ("scoring=logprob", "alignment=none", "limit=8")


@pytest.fixture
def answer_by(monkeypatch):
    plain = SimulatedJudge.grade

    def use(build):
        text = canonical_json(build._asdict())
        graded = lambda self, asked: plain(self, asked)._replace(build=text)  # noqa: E731
        monkeypatch.setattr(SimulatedJudge, "grade", graded)

    return use


def listed(build, calls):
    return {**build._asdict(), "features": list(build.features), "calls": calls}


def named(spec):
    outcome = run(spec)
    path = spec.study_dir / "runs" / outcome.run_id / "manifest.json"
    return path, read_json(path).get("llama_cpp")


def test_a_run_names_its_build_once_and_keeps_it_where_nothing_is_asked(spec_of, answer_by):
    spec = spec_of(*SHORT)
    answer_by(STOCK)
    path, found = named(spec)
    assert found == [listed(STOCK, 8)]
    answer_by(NATIVE)
    assert named(spec)[1] == found
    shutil.rmtree(path.parent)  # made again out of the call store
    assert named(spec)[1] == found


def test_a_run_that_went_on_with_another_build_names_both(spec_of, answer_by):
    spec = spec_of(*SHORT)
    answer_by(STOCK)
    path, _ = named(spec)
    shutil.rmtree(path.parent)  # as if killed before its records were written
    with closing(sqlite3.connect(spec.store_path, isolation_level=None)) as db:
        for table in ("builds", "calls"):
            db.execute(f"DELETE FROM {table} WHERE key IN (SELECT key FROM calls LIMIT 3)")
        assert db.execute("SELECT COUNT(*) FROM calls").fetchone() == (5,)
    answer_by(NATIVE)
    assert named(spec)[1] == [listed(NATIVE, 3), listed(STOCK, 5)]


def test_another_judge_names_none(spec_of):
    assert named(spec_of(*SHORT))[1] is None


def test_what_an_old_record_may_have_been_is_one_build_with_it():
    old, new = listed(STOCK, 5), listed(STOCK, 2) | {"grammar": "gbnf"}
    del old["grammar"]
    assert builds.builds_in([{"llama_cpp": [old, new]}]) == {STOCK._replace(grammar="gbnf")}
    other = listed(STOCK, 1) | {"grammar": "llguidance"}
    assert len(builds.builds_in([{"llama_cpp": [old, new, other]}])) == 2
    named = {canonical_json(STOCK._replace(grammar="gbnf")._asdict()): 2}
    assert build_entries(named, [old]) == [new, old], "each keeps its count"


def test_a_build_that_this_store_does_not_know_stays_listed():
    found = build_entries({canonical_json(NATIVE._asdict()): 2}, [listed(STOCK, 5)])
    assert found == [listed(NATIVE, 2), listed(STOCK, 5)]
    again = build_entries({canonical_json(STOCK._asdict()): 6}, [listed(STOCK, 5)])
    assert again == [listed(STOCK, 6)]


def test_answers_are_not_added_to_those_of_another_build_in_silence(spec_of, monkeypatch):
    spec = spec_of("backend=embedded_smollm2", *SHORT)
    assert mixed_warning(spec) == ""
    write_json(spec.study_dir / "runs" / "a" / "manifest.json", {"llama_cpp": [listed(STOCK, 5)]})
    monkeypatch.setattr(builds, "build_here", lambda: STOCK)
    assert mixed_warning(spec) == ""
    monkeypatch.setattr(builds, "build_here", lambda: NATIVE)
    told = mixed_warning(spec)
    assert "of another build of llama.cpp than this one (1 with AMX_INT8, AVX2); new" in told
    assert "\n" not in told
    own_grammar = STOCK._replace(grammar="gbnf")
    monkeypatch.setattr(builds, "build_here", lambda: own_grammar)
    assert mixed_warning(spec) == "", "the record is older than the field, and may be of this one"
    guided = listed(STOCK, 5) | {"grammar": "llguidance"}
    write_json(spec.study_dir / "runs" / "a" / "manifest.json", {"llama_cpp": [guided]})
    assert "than this one (1 with AVX2, schemas by gbnf)" in mixed_warning(spec)
    assert mixed_warning(spec_of("backend=embedded_smollm2", "alignment=median_label")) == ""
    assert mixed_warning(spec_of(*SHORT)) == ""
