import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.backends.base import ChatRequest, Message
from memalign_bench.backends.http.limits import RateLimit, StoppedError, Throttle
from memalign_bench.backends.http.openai_compatible import OpenAICompatible
from memalign_bench.errors import FailedCallError

CHAT = ChatRequest((Message("user", "hello"),), 10)


def test_a_minute_takes_so_many_and_no_more(tmp_path):
    stop = threading.Event()
    limit = RateLimit("here", 5, stop, tmp_path)
    for _ in range(5):
        limit.wait()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(StoppedError):
        limit.wait()
    limit.close()


TAKES = """
import sys, threading
from pathlib import Path
from memalign_bench.backends.http.limits import RateLimit, StoppedError

stop = threading.Event()
threading.Timer(2, stop.set).start()
limit = RateLimit("shared", 30, stop, Path(sys.argv[1]))
taken = 0
try:
    while taken < 40:
        limit.wait()
        taken += 1
except StoppedError:
    pass
print(taken)
"""


def test_one_limit_holds_over_the_processes_of_a_machine(tmp_path):
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", TAKES, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    taken = [int(job.communicate(timeout=30)[0]) for job in jobs]
    assert sum(taken) == 30


def test_amounts_are_counted_in_units_and_the_largest_waits_for_an_empty_minute(tmp_path):
    stop = threading.Event()
    limit = RateLimit("tokens", 60_000, stop, tmp_path)
    limit.wait(30_000)
    limit.wait(29_000)
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(StoppedError):
        limit.wait(2_000)
    limit.close()
    fresh = RateLimit("other tokens", 60_000, threading.Event(), tmp_path)
    fresh.wait(1_000_000)  # more than a minute's share, of an empty minute
    fresh.close()


def test_the_throttle_halves_once_a_burst_and_grows_again():
    throttle = Throttle(8, threading.Event())
    rounds = []
    for _ in range(3):
        with throttle.place() as sent_in:
            rounds.append(sent_in)
    for sent_in in rounds:
        throttle.refused(sent_in)
    assert throttle.allowed == 4
    with throttle.place() as sent_in:
        throttle.refused(sent_in)
    assert throttle.allowed == 2
    for _ in range(2):
        throttle.answered()
    assert throttle.allowed == 3
    for _ in range(100):
        throttle.answered()
    assert throttle.allowed == 8


def test_a_provider_that_throttles_is_asked_less_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving(Provider(faults={"rate_limit": 0.5}, delay_s=0.02)) as served:
        connection = OpenAICompatible(
            base_url=f"{served.base_url}/v1", model="m", max_concurrency=16, tries=12
        ).connect()
        lowest = []

        def ask(number):
            connection.chat(ChatRequest((Message("user", f"hello {number}"),), 10))
            lowest.append(connection._sender.allowed)

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connection.close()
    assert len(lowest) == 40
    assert min(lowest) <= 4
    assert served.most_under_way <= 16


def test_the_minute_limit_of_a_backend_holds(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving(Provider()) as served:
        connection = OpenAICompatible(
            base_url=f"{served.base_url}/v1", model="m", requests_per_minute=3
        ).connect()
        for _ in range(3):
            connection.chat(CHAT)
        threading.Timer(0.3, connection.close).start()
        with pytest.raises(StoppedError):
            connection.chat(CHAT)
        assert len(served.requests) == 3


def test_closing_ends_the_waits_of_retries():
    with serving(Provider(faults={"rate_limit": 1.0}, retry_after="600")) as served:
        connection = OpenAICompatible(base_url=f"{served.base_url}/v1", model="m").connect()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(connection.chat, CHAT)
            while not served.requests and not asked.done():
                time.sleep(0.01)
            time.sleep(0.2)  # it hears the refusal and begins to wait
            connection.close()
            assert isinstance(asked.exception(60), FailedCallError)
        assert len(served.requests) == 1
