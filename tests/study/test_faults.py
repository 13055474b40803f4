"""A study through a provider that fails in every way: the same scores as without."""

import pytest
from tests.backends.loopback import FINAL, TRANSIENT, Provider, serving

from memalign_bench.study import records
from memalign_bench.study.running.runner import run

RATE = 0.2


def rows_of(spec):
    outcome = run(spec)
    path = spec.study_dir / "runs" / outcome.run_id / "predictions.parquet"
    return outcome, records.read_rows(path, records.predictions_schema())


def spec_at(spec_of, served, study, *overrides):
    return spec_of(
        "backend=openai_compatible",
        "backend.model=simulated",
        f"backend.base_url={served.base_url}/v1",
        "backend.timeout_s=1",
        "scoring=verdict",
        "distiller=llm",
        f"study={study}",
        *overrides,
    )


def said(rows):
    """What a row says of the judge; the run's name hangs on the address."""
    left_out = ("run_id", "study", "prompt_tokens", "completion_tokens")
    return [{k: v for k, v in row.items() if k not in left_out} for row in rows]


@pytest.mark.slow
def test_a_fifth_of_faults_changes_no_score(spec_of):
    def study(served, name):
        runs = [
            rows_of(spec_at(spec_of, served, name, f"alignment={a}", "backend.max_concurrency=16"))
            for a in ("none", "semantic", "full")
        ]
        assert not any(outcome.failures for outcome, _ in runs)
        return [row for _, rows in runs for row in said(rows)]

    with serving(Provider()) as calm:
        quiet = study(calm, "calm")
    faults = dict.fromkeys(TRANSIENT, RATE / len(TRANSIENT))
    with serving(Provider(faults=faults, stall_s=1.5, seed=1)) as rough:
        assert study(rough, "rough") == quiet
    assert set(rough.met) == set(TRANSIENT)
    assert sum(rough.met.values()) / len(rough.requests) == pytest.approx(RATE, abs=0.06)
    # What was answered in full is paid once.
    assert max(rough.answered.values()) == 1


@pytest.mark.parametrize("kind", FINAL)
def test_what_no_repetition_mends_is_a_failed_row_and_the_rest_goes_on(spec_of, kind):
    with serving(Provider(faults={kind: 0.3})) as served:
        outcome, rows = rows_of(spec_at(spec_of, served, kind, "alignment=none"))
    failed = [row for row in rows if row["status"] == "failed"]
    assert 0 < len(failed) < len(rows)
    assert len(failed) == served.met[kind] == len(outcome.failures)
    words = {"refusal": "refused", "content_filter": "content filter", "over_context": "context"}
    assert all(words[kind] in row["error"] for row in failed)
    assert all(row["judge_score"] is None for row in failed)


def test_a_row_that_was_refused_says_what_it_cost_and_so_again_the_same(spec_of):
    words = ["alignment=none", "limit=12", "backend.price_input=2", "backend.price_output=4"]
    with serving(Provider(faults={"refusal": 1.0})) as served:
        spec = spec_at(spec_of, served, "refused", *words)
        outcome, rows = rows_of(spec)
        folder = spec.study_dir / "runs" / outcome.run_id
        before = (folder / "predictions.parquet").read_bytes()
        assert run(spec).asked == len(rows) == 12
    for row in rows:
        assert row["prompt_tokens"] > 0
        assert row["completion_tokens"] > 7
        priced = 2 * row["prompt_tokens"] + 4 * row["completion_tokens"]
        assert row["cost_usd"] == pytest.approx(priced / 1e6)
    assert (folder / "predictions.parquet").read_bytes() == before
    times = records.read_rows(folder / "timings.parquet", records.timings_schema())
    assert {time["reasoning_tokens"] for time in times} == {7}


def test_another_model_than_asked_is_recorded_as_served(spec_of):
    with serving(Provider(model="simulated-2026-11")) as served:
        spec = spec_at(spec_of, served, "renamed", "alignment=none")
        outcome, _ = rows_of(spec)
    manifest = records.read_json(spec.study_dir / "runs" / outcome.run_id / "manifest.json")
    assert manifest["served_models"] == {"simulated-2026-11": 60}


def test_two_hundred_calls_at_once_are_each_sent_and_paid_once(spec_of):
    words = ["alignment=none", "repeats=8", "backend.max_concurrency=200", "backend.timeout_s=60"]
    with serving(Provider(delay_s=2)) as served:
        outcome, rows = rows_of(spec_at(spec_of, served, "crowd", *words))
    assert outcome.asked == len(rows) == len(served.requests) >= 400
    assert set(served.answered.values()) == {8}
    # More than the hundred connections of one client of DSPy's; never more than was allowed.
    assert 120 < served.most_under_way <= 200
