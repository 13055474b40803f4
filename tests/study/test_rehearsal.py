"""A dry run says what a run then asks; a budget stops it in time."""

import pytest

from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.cli import main
from memalign_bench.errors import RequestError
from memalign_bench.study.running.rehearsal import forecast, rehearsed_together, sum_by_model
from memalign_bench.study.running.runner import run

PAID = (
    "backend=openai_compatible",
    "backend.base_url=https://nowhere.invalid/v1",
    "backend.model=m",
    "tracker=none",
)


def _stored(spec):
    with CallStore(spec.store_path) as store:
        return store.count()


@pytest.mark.parametrize("scoring", ["verdict", "logprob"])
@pytest.mark.parametrize("alignment", ["none", "semantic", "episodic", "full"])
def test_as_many_calls_are_sent_as_were_forecast(spec_of, scoring, alignment):
    spec = spec_of(f"alignment={alignment}", f"scoring={scoring}", "distiller=extractive")
    [before] = forecast(spec)
    assert not spec.study_dir.exists()
    run(spec)
    assert before.n_calls == _stored(spec) > 0
    assert before.n_stored == before.n_unread == 0
    [after] = forecast(spec)
    assert (after.n_calls, after.prompt_tokens) == (0, 0)


def test_what_is_stored_is_not_asked_again(spec_of, tmp_path):
    run(spec_of("alignment=none", "scoring=logprob"))
    other = spec_of("alignment=none", "scoring=logprob", "fold_seed=1")
    [entry] = forecast(other)
    assert (entry.n_calls, entry.n_stored) == (0, 60)


def test_distillations_are_told_apart(spec_of):
    spec = spec_of("alignment=semantic", "distiller=llm")
    [entry] = forecast(spec)
    assert entry.n_unread == 4
    run(spec)
    assert entry.n_calls == _stored(spec)


def test_guidelines_still_to_be_made_are_in_the_prompts_that_will_hold_them(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    words = ["run", "-m", "dataset=planted", "backend=scripted", "tracker=none", "study=s"]
    words += ["alignment=none,semantic", "distiller=llm", "distiller.max_guidelines=2,3"]
    assert main([*words, "dry_run=true"]) == 0
    told = capsys.readouterr().err.split("4 jobs together")[1]
    # 60 answers unaligned and with either number of guidelines, four distillations of each.
    assert "188 calls to send" in told
    assert "count as if each wrote as many guidelines as it may" in told
    assert main(words) == 0
    with CallStore(tmp_path / "results" / "s" / "calls.sqlite") as store:
        assert store.count() == 188


def test_prompts_with_guidelines_still_to_be_made_count_no_fewer_tokens_than_will_be_sent(spec_of):
    unread, spec = spec_of("alignment=none"), spec_of("alignment=semantic", "distiller=llm")
    [unaligned], [before] = forecast(unread), forecast(spec)
    outcome = run(spec)
    with CallStore(spec.store_path) as store:
        calls = store.calls_of([outcome.run_id])
        sent = sum(call.answer["usage"]["prompt_tokens"] for call in calls)
    assert unaligned.prompt_tokens < sent <= before.prompt_tokens


def test_the_reflection_model_stands_by_itself(spec_of):
    spec = spec_of("alignment=semantic", "reflection=scripted", "reflection.seed=5")
    judge, other = forecast(spec)
    assert (judge.n_calls, other.n_calls) == (60, 4)


def test_a_study_without_a_model_asks_nothing(spec_of):
    assert forecast(spec_of("alignment=median_label")) == []


def test_the_cost_is_that_of_the_tokens(spec_of):
    priced = ("backend.price_input=2", "backend.price_output=8", "alignment=none")
    [entry] = forecast(spec_of(*PAID, *priced))
    paid = entry.prompt_tokens * 2 + entry.completion_tokens * 8
    assert entry.cost_usd == pytest.approx(paid / 1e6)
    [unknown] = forecast(spec_of(*PAID, "alignment=none"))
    assert unknown.cost_usd is None
    assert not unknown.is_local


def test_room_to_think_is_in_the_forecast(spec_of, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    words = ("backend=openai", "scoring=verdict", "alignment=none")
    [plain] = forecast(spec_of(*words))
    [thinking] = forecast(spec_of(*words, "backend.reasoning=low", "backend.reasoning_tokens=900"))
    assert thinking.completion_tokens == plain.completion_tokens + 900 * plain.n_calls
    assert thinking.cost_usd > plain.cost_usd


def test_the_command_sends_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["run", "dataset=planted", *PAID, "alignment=none", "dry_run=true"]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "60 calls to send, 0 stored" in told
    assert "price unknown" in told
    assert not (tmp_path / "results").exists()
    assert main(["run", "dataset=planted", "alignment=median_label", "dry_run=true"]) == 0
    assert "asks no model" in capsys.readouterr().err


def test_a_sweep_is_told_as_a_whole_and_sends_what_was_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["run", "-m", "dataset=planted", "backend=scripted", "tracker=none", "study=s"]
    words += ["alignment=none,full,median_label", "fold_seed=0,1", "distiller=extractive"]
    assert main([*words, "dry_run=true"]) == 0
    told = capsys.readouterr().err
    jobs, together = told.split("all 6 jobs together, a call that several share sent once:")
    assert "none, fold seed 1" in jobs
    assert "0 calls to send, 0 stored, 60 of jobs before it\n" in jobs
    assert "of jobs before it" not in together
    assert main(words) == 0
    with CallStore(tmp_path / "results" / "s" / "calls.sqlite") as store:
        assert f"{store.count():,} calls to send, 0 stored" in together
    capsys.readouterr()
    assert main([*words, "dry_run=true"]) == 0
    assert "together, a call that several share sent once:\n  scripted (scripted): 0 calls" in (
        capsys.readouterr().err
    )


def test_jobs_with_stores_of_their_own_share_nothing(spec_of, tmp_path):
    specs = [spec_of("alignment=none", f"call_store={tmp_path / name}") for name in "ab"]
    with rehearsed_together() as jobs:
        for spec in specs:
            forecast(spec)
    assert [(job[0].n_calls, job[0].n_shared) for job in jobs] == [(60, 0), (60, 0)]


def test_a_job_that_cannot_be_run_is_not_in_the_sum(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["run", "-m", "dataset=planted", "backend=scripted", "alignment=none", "study=s"]
    assert main([*words, "limit=60,3", "dry_run=true"]) == 2
    assert "1 of 2 jobs together" in capsys.readouterr().err


def test_a_sum_of_costs_is_unknown_where_one_is(spec_of):
    [paid] = forecast(spec_of(*PAID, "backend.price_input=2", "backend.price_output=8"))[:1]
    [total] = sum_by_model([paid, paid])
    assert total.cost_usd == pytest.approx(2 * paid.cost_usd)
    assert sum_by_model([paid, paid._replace(cost_usd=None)])[0].cost_usd is None


def test_a_budget_needs_a_price(spec_of):
    with pytest.raises(RequestError, match=r"budget_usd needs the price of 'm'"):
        run(spec_of(*PAID, "alignment=none", "budget_usd=1"))


def test_a_model_on_this_machine_needs_no_budget(spec_of):
    outcome = run(spec_of("alignment=none", "budget_usd=0"))
    assert outcome.counts["scored"] == 60


def test_a_bound_is_a_number(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "dataset=planted", "backend=scripted", "budget_usd=much"]) == 2
    assert "budget_usd must be an amount in USD" in capsys.readouterr().err


def test_nothing_is_said_of_money_in_a_run_id(spec_of):
    spec, bounded = spec_of(), spec_of("budget_usd=3", "dry_run=true")
    data = spec.dataset.load(spec.rubric)
    assert spec.run_id(data) == bounded.run_id(data)
    assert StoredBackend(spec.backend).identity() == StoredBackend(bounded.backend).identity()
