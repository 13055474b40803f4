"""MLflow as a guest of a run: a gateway for its calls, and what it reads of the process around it.

MLflow's optimisers, DSPy and LiteLLM find a model's address and key in the environment, keep one
response cache in a process, and print. While a session is open the process is set so that they
find the gateway, cache nothing and are silent; when it closes everything is put back. Therefore
only one session is open in a process at a time: a second run waits for the first.

Cells of one run share a session and are aligned and asked at the same time. That needs no lock:
none of what is set differs between cells. Calls are told apart by the model name that each cell
and each question has for itself (`gateway.accounts`), and DSPy's own settings are its threads'.

LiteLLM's provider `litellm_proxy` is used because nothing else in a run reads its variables: a run
may itself be talking to OpenAI through `OPENAI_API_KEY`.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self
from weakref import WeakSet

from memalign_bench.alignment.base import AlignContext
from memalign_bench.backends.base import Backend, ChatAnswer
from memalign_bench.backends.gateway.accounts import DEFAULT_MAX_TOKENS, Account, Chat, Embed
from memalign_bench.backends.gateway.server import Gateway
from memalign_bench.closing import Closing
from memalign_bench.errors import AlignmentError

__all__ = ["MlflowSession", "session_of", "uri_of"]

_ONE_AT_A_TIME = threading.Lock()
"""Held by the session that is open; a plain lock, as another thread may close it."""

_PROVIDER = "litellm_proxy"
_IMPORT_ENVIRONMENT = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""Without them the imports look for a network, for seconds."""

_GUEST_MODULES = (
    "dspy.retrievers",
    "dspy.utils.unbatchify",
    "litellm",
    "mlflow.genai.judges.optimizers",
    "tqdm.auto",
)

_NOISY_LOGGERS = (
    "mlflow.genai.judges",  # what goes wrong is raised and recorded by us
    "dspy.clients",
    "dspy.evaluate",
    "dspy.teleprompt",
    "dspy.utils.parallelizer",
    "LiteLLM",
)
_EXPECTED_WARNINGS = (
    r"Passing OpenAI-style message",  # MLflow's way of calling DSPy
    r"Pydantic serializer warnings",  # LiteLLM's answers
    r"Item '.*' on TypedDict class",  # LiteLLM's types, built at the first call
)


class MlflowSession(Closing):
    """Open from the first cell that needs MLflow to the end of the run.

    Args:
        backend: The judge's model: what the gateway asks for names that no account has.
    """

    def __init__(self, backend: Backend) -> None:
        self._gateway = Gateway(backend)
        self._stack = ExitStack()
        self._retrievers: list[Any] = []
        self._lock = threading.Lock()
        self._count = 0

    def __enter__(self) -> Self:
        """Start the gateway and set the process.

        Raises:
            BackendError: If the gateway does not come up.
        """
        # The callback comes next, so that whatever fails from here on gives the turn back.
        _ONE_AT_A_TIME.acquire()
        self._stack.callback(_ONE_AT_A_TIME.release)
        try:
            # Undone in the opposite order by `close`.
            self._stack.enter_context(self._gateway)
            self._stack.enter_context(_environment(self._variables()))
            _import_guests()
            _forget_unstructured_models()
            self._stack.enter_context(_quiet())
            self._stack.enter_context(_without_response_cache())
            self._stack.callback(self._close_litellm_clients)
            self._warm_up()
            # Last in, so undone first: the threads end while their prints are muted and their
            # gateway is still there.
            self._stack.callback(self._stop_retrievers)
        except BaseException:
            self._stack.close()
            raise
        return self

    def close(self) -> None:
        """Put the process back as it was, and close the gateway."""
        self._stack.close()

    def _variables(self) -> dict[str, str]:
        """Environment variables by which LiteLLM finds the gateway."""
        return {
            "LITELLM_PROXY_API_BASE": self._gateway.base_url,
            "LITELLM_PROXY_API_KEY": self._gateway.key,
        }

    def admit(
        self,
        purpose: str,
        chat: Chat | None = None,
        embed: Embed | None = None,
        *,
        repeat: int = 0,
        max_tokens: int = DEFAULT_MAX_TOKENS,
    ) -> Account:
        """An account with a name of its own, open until it is dismissed or the session ends."""
        with self._lock:
            self._count += 1
            name = f"{purpose}-{self._count}"
        account = Account(name, chat, embed, repeat=repeat, max_tokens=max_tokens)
        self._gateway.admit(account)
        return account

    def dismiss(self, account: Account) -> None:
        """Close an account."""
        self._gateway.dismiss(account)

    @contextmanager
    def account(
        self, purpose: str, chat: Chat, *, repeat: int = 0, max_tokens: int = DEFAULT_MAX_TOKENS
    ) -> Iterator[Account]:
        """An account for as long as the block lasts."""
        account = self.admit(purpose, chat, repeat=repeat, max_tokens=max_tokens)
        try:
            yield account
        finally:
            self.dismiss(account)

    def adopt(self, judge: Any) -> None:
        """Stop the thread behind this judge's retriever when the session ends, as MLflow does not.

        DSPy's retriever gathers queries in a thread that never ends by itself.
        """
        retriever = getattr(judge, "_retriever", None)
        if retriever is not None:
            with self._lock:
                self._retrievers.append(retriever.search_fn)

    def _stop_retrievers(self) -> None:
        # All are told before any is waited for: each looks at its event ten times a second only.
        for unbatcher in self._retrievers:
            unbatcher.stop_event.set()
        for unbatcher in self._retrievers:
            unbatcher.worker_thread.join()

    def _warm_up(self) -> None:
        """Let LiteLLM make its clients in one thread.

        Several threads at once make one each, and all but one are never closed.
        """
        import dspy

        account = self.admit("warm-up", lambda _request: ChatAnswer("", "stop"), lambda _: [[1.0]])
        name = f"{_PROVIDER}/{account.name}"
        dspy.Embedder(name, dimensions=1, drop_params=True)(["a"])
        dspy.LM(name)("a")
        self.dismiss(account)

    def _close_litellm_clients(self) -> None:
        """Close the clients that LiteLLM keeps for the gateway, with the key in their names."""
        import litellm

        clients: Any = litellm.in_memory_llm_clients_cache
        for name, client in list(clients.cache_dict.items()):
            if self._gateway.base_url in str(getattr(client, "base_url", "")):
                client.close()
                clients.delete_cache(name)


def session_of(context: AlignContext, backend: Backend) -> MlflowSession:
    """The session of the run that a cell belongs to.

    Raises:
        AlignmentError: If there is no run.
    """
    if context.scope is None:
        raise AlignmentError("MLflow's optimisers need a run: AlignContext(scope=RunScope()).")
    return context.scope.shared("mlflow", lambda: MlflowSession(backend))


def uri_of(account: Account) -> str:
    """How MLflow names an account's model.

    >>> uri_of(Account("judge-1"))
    'litellm_proxy:/judge-1'
    """
    return f"{_PROVIDER}:/{account.name}"


def _forget_unstructured_models() -> None:
    """Clear MLflow's memory of models that refused structured answers.

    It remembers for the life of the process which model names met an error and asks those for free
    text from then on; the names of another session's accounts are used again.
    """
    from mlflow.genai.judges.adapters import gateway_adapter, litellm_adapter

    for adapter in (gateway_adapter, litellm_adapter):
        adapter._MODEL_RESPONSE_FORMAT_CAPABILITIES.clear()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a block, and put back what they were."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _import_guests() -> None:
    """Import what MLflow needs, once and in one thread: its imports are not ready for several."""
    for name, value in _IMPORT_ENVIRONMENT.items():
        # What a user has set stands.
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # types of theirs warn when they are built
        for module in _GUEST_MODULES:
            importlib.import_module(module)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the guests' log lines, progress bars, thread messages and expected warnings.

    Not through `warnings.catch_warnings`, which would put back filters that others have set since.
    """
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    patterns = [_ignore_warning(pattern) for pattern in _EXPECTED_WARNINGS]
    try:
        with _silent_bars(), _silent_unbatchify():
            yield
    finally:
        for entry in patterns:
            # Others may have reset the filters in the meantime.
            if entry in warnings.filters:
                warnings.filters.remove(entry)  # type: ignore[attr-defined]
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _ignore_warning(pattern: str) -> Any:
    """Add a filter that ignores a warning; returns it, to be taken out again."""
    # Named, by a comment of the expression's: an equal filter that somebody has set would be
    # replaced by ours, and gone with it.
    warnings.filterwarnings("ignore", message=f"{pattern}(?#memalign-bench)")
    # The newest stands in front.
    return warnings.filters[0]


class _ThreadSafeBars(WeakSet[Any]):
    """The set of open bars in tqdm: DSPy clears them all in one thread while others begin."""

    def remove(self, item: Any) -> None:
        # WeakSet.remove raises where another thread has removed the bar before.
        self.discard(item)


@contextmanager
def _silent_bars() -> Iterator[None]:
    """Replace tqdm's class by one that is always disabled, in each module that holds it."""
    places = [importlib.import_module(name) for name in ("tqdm", "tqdm.auto", "gepa.core.engine")]
    original_classes = [place.tqdm for place in places]
    original_tqdm: Any = original_classes[0]

    def silent(self: Any, *args: Any, **kwargs: Any) -> None:
        original_tqdm.__init__(self, *args, **{**kwargs, "disable": True})

    bar = type("Silent", (original_tqdm,), {"__init__": silent, "_instances": _ThreadSafeBars()})
    for place in places:
        place.tqdm = bar  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for place, before in zip(places, original_classes, strict=True):
            place.tqdm = before  # type: ignore[attr-defined]


@contextmanager
def _silent_unbatchify() -> Iterator[None]:
    """Mute DSPy's retriever, which prints when its thread ends, by hiding `print` in its module."""
    import dspy.utils.unbatchify as module

    module.print = lambda *_args, **_kwargs: None
    try:
        yield
    finally:
        del module.print


@contextmanager
def _without_response_cache() -> Iterator[None]:
    """Switch DSPy's cache off: it would answer calls past the call store."""
    import dspy
    from dspy.clients.cache import Cache

    original_cache = dspy.cache
    dspy.cache = Cache(enable_disk_cache=False, enable_memory_cache=False, disk_cache_dir=None)
    try:
        yield
    finally:
        dspy.cache = original_cache
