"""Fixtures for all tests of the generator."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from genie_synth.bundle import drafts
from genie_synth.compose import Draft

settings.register_profile("unhurried", deadline=None)  # these machines are noisy
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The data of the cases are small: threads would wait for one another, and for other tests."""
    import sklearn.ensemble  # noqa: F401 - only libraries that are loaded can be limited

    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def drafts_of() -> Callable[..., list[Draft]]:
    """`drafts`, which composes the notebooks of a seed once; they are frozen."""
    return lru_cache(drafts)
