import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_text import any_text

from memalign_bench.backends.http.openai_compatible import OpenAICompatible
from memalign_bench.backends.prices import Budget, Price, listed_price
from memalign_bench.errors import BackendError, RequestError
from memalign_bench.types import Usage

COUNTS = st.integers(0, 10_000_000)


def test_a_call_costs_what_its_tokens_cost():
    price = Price(input=3.0, output=15.0, cached=0.3)
    usage = Usage(prompt_tokens=2_000_000, completion_tokens=100_000, cached_tokens=1_000_000)
    assert price.of(usage) == pytest.approx(3.0 + 0.3 + 1.5)
    assert Price(3.0, 15.0).of(usage) == pytest.approx(6.0 + 1.5)


@given(any_text(max_size=200), COUNTS, st.floats(0, 100), st.floats(0, 100))
def test_no_call_costs_more_than_was_set_aside(text, generated, per_input, per_output):
    """No token is shorter than a byte, and no answer longer than its limit."""
    n_bytes = len(text.encode())
    price = Price(per_input, per_output)
    assert price.of(Usage(n_bytes, generated)) <= price.max_cost(n_bytes, generated)


def test_prices_are_looked_up_with_or_without_the_provider():
    known = listed_price("gpt-4o-mini")
    assert known is not None
    assert known.input < known.output
    assert listed_price("openai/gpt-4o-mini") == known
    assert listed_price("a-model-of-nobody") is None


def test_a_price_is_looked_up_without_importing_what_lists_it():
    look = "from memalign_bench.backends.prices import listed_price as p; p('gpt-4o-mini')"
    said = f"{look}; import sys; print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_endpoint_has_the_price_that_was_set_or_listed():
    def spec(url, model="gpt-4o-mini", **prices):
        return OpenAICompatible(base_url=url, model=model, **prices)

    assert spec("https://api.example.org/v1").price == listed_price("gpt-4o-mini")
    assert spec("https://api.example.org/v1", "mine").price is None
    assert spec("http://127.0.0.1:8000/v1").price is None
    assert spec("http://127.0.0.1:8000/v1").is_local
    priced = spec("http://127.0.0.1:8000/v1", price_input=1, price_output=2)
    assert priced.price == Price(1, 2)
    assert not priced.is_local
    assert priced.identity() == spec("http://127.0.0.1:8000/v1").identity()
    half = spec("https://api.example.org/v1", price_output=9)
    assert half.price == replace(listed_price("gpt-4o-mini"), output=9)
    for key in ("price_input", "price_output", "price_cached"):
        with pytest.raises(RequestError, match=r"price_input and .*price_output must both be set"):
            spec("https://api.example.org/v1", "mine", **{key: 1})
    with pytest.raises(RequestError, match="price_output must be a number >= 0"):
        spec("http://127.0.0.1:8000/v1", price_output=-1)


def test_a_budget_is_not_crossed_by_calls_under_way():
    budget = Budget(1.0, spent=0.4)
    budget.reserve(0.5)
    with pytest.raises(BackendError, match=r"0.4000 USD are spent, 0.5000 set aside"):
        budget.reserve(0.2)
    budget.settle(0.5, 0.1)
    budget.reserve(0.5)
    budget.settle(0.5, 0.5)
    assert budget.spent == pytest.approx(1.0)
    with pytest.raises(BackendError, match="raise budget_usd="):
        budget.reserve(0.01)


@given(st.floats(0, 10), st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=20))
def test_whatever_calls_come_the_bound_holds(limit, calls):
    budget = Budget(limit)
    for most, share in calls:
        try:
            budget.reserve(most)
        except BackendError:
            continue
        budget.settle(most, most * share)
    assert budget.spent <= limit + 1e-9
