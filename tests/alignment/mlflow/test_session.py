import importlib
import warnings

from memalign_bench.alignment.mlflow.session import _EXPECTED_WARNINGS, _quiet, _silent_bars


# DSPy clears tqdm's bars wherever it evaluates, and cells are aligned at the same time.
def test_a_bar_may_be_cleared_by_another_thread_while_it_begins():
    with _silent_bars():
        tqdm = importlib.import_module("tqdm")
        bar = tqdm.tqdm.__new__(tqdm.tqdm)
        tqdm.tqdm._instances.clear()
        bar.__init__(range(3))
        assert list(bar) == [0, 1, 2]
        assert bar.disable


def test_a_filter_of_the_users_own_outlives_the_session():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_EXPECTED_WARNINGS[0])
        before = list(warnings.filters)
        with _quiet():
            assert len(warnings.filters) == len(before) + len(_EXPECTED_WARNINGS)
        assert warnings.filters == before
