"""Faults on the way to an endpoint: which are tried again, and how the others are explained."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from memalign_bench.backends.http.dspy_client import has_reasoning, text_of
from memalign_bench.backends.http.llamacpp import over_context
from memalign_bench.backends.proxies import proxy_hint
from memalign_bench.errors import BackendError, FailedCallError, MemalignError

if TYPE_CHECKING:
    from dspy.lm15 import Response

__all__ = [
    "LONGEST_WAIT_S",
    "Endpoint",
    "check_answer",
    "explain",
    "explain_embedding",
    "is_silent",
    "is_throttled",
    "is_transient",
    "timed_out",
    "with_retries",
    "without_key",
    "words_of",
]

_T = TypeVar("_T")

# tenacity wants an event, also where nothing stops the tries.
_NEVER_SET = threading.Event()

_MIN_KEY_LENGTH = 8
"""Shorter values are placeholders ("token", "none") that servers without keys are given; struck
out, they would take the words of a message along."""

# "This model's maximum context length is 4097 tokens, however you requested 5000 tokens"
_TOKEN_COUNT = re.compile(r"(\d+) tokens")
_OVER_CONTEXT = re.compile(r"context (size|length|window)|maximum context|too many tokens", re.I)

_NOT_IMPLEMENTED = 501

LONGEST_WAIT_S = 60.0
"""Of a provider that asks to wait for longer, it is asked whether it means it."""

_TITLE = re.compile(r"<title[^>]*>\s*(.+?)\s*</title>", re.IGNORECASE | re.DOTALL)

_CERTIFICATE = re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", re.I)

# Of Gemini as DSPy tells it, and of Azure: refusals that come as an error, not as an answer.
_BLOCKED = re.compile(r"candidate blocked|prompt blocked|content_filter|content management", re.I)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as error messages speak of it.

    Attributes:
        base_url: The address.
        api_key_env: The variable that holds its key.
        timeout_s: Seconds that a call may take.
        tries: How often a request is sent before it counts as failed.
        key: The key itself, kept only to strike it out of what servers say.
    """

    base_url: str
    api_key_env: str
    timeout_s: float
    tries: int
    key: str | None = field(default=None, repr=False)

    def quoted(self, message: str) -> str:
        """First line of what a server said (of a page its title), shortened, the key struck out."""
        if message.lstrip().startswith("<"):
            title = _TITLE.search(message)
            message = title[1] if title else "a page that is no answer of a model"
        line = message.strip().splitlines()[0] if message.strip() else "no reason given"
        # Before the cut, which could leave half a key standing.
        return without_key(line, self.key)[:300]


def without_key(text: str, key: str | None) -> str:
    """A text with the key struck out; some servers show what they were sent, headers too."""
    return text.replace(key, "***") if key and len(key) >= _MIN_KEY_LENGTH else text


def is_throttled(error: BaseException) -> bool:
    """Whether the provider says that it is asked too much."""
    from dspy.utils import exceptions as dspy_errors

    # 529 is Anthropic's "overloaded"; DSPy counts it among a server's faults.
    return isinstance(error, dspy_errors.LMRateLimitError) or getattr(error, "status", 0) == 529


def is_transient(error: BaseException) -> bool:
    """Whether sending the same request again may help.

    No connection, overload, a server's fault, or a body that is empty or cannot be read.
    """
    from dspy.utils import exceptions as dspy_errors

    transient = (
        dspy_errors.LMTransportError,
        dspy_errors.LMTimeoutError,
        dspy_errors.LMRateLimitError,
        dspy_errors.LMServerError,
    )
    # The certificate, and what the server does not do (501), will be the same the next time.
    if _CERTIFICATE.search(str(error)) or getattr(error, "status", None) == _NOT_IMPLEMENTED:
        return False
    return isinstance(error, transient) or _is_unreadable(error)


def _is_unreadable(error: BaseException) -> bool:
    """Whether a server reported success, but sent something that is no answer."""
    from dspy.utils import exceptions as dspy_errors

    # Not their subclasses: those say what was wrong.
    no_known_cause = type(error) in (dspy_errors.LMProviderError, dspy_errors.LMUnexpectedError)
    return no_known_cause and getattr(error, "status", None) in (200, None)


def is_silent(error: BaseException) -> bool:
    """Whether nothing came back at all: no connection, or no answer in time."""
    from dspy.utils import exceptions as dspy_errors

    return isinstance(error, dspy_errors.LMTransportError | dspy_errors.LMTimeoutError)


def check_answer(response: Response) -> None:
    """Raise where an answer holds no text: refused, filtered, only reasoning, or empty."""
    from dspy.utils import exceptions as dspy_errors

    if response.finish_reason == "content_filter":
        raise FailedCallError("the provider's content filter stopped the answer.")
    if any(part.type == "refusal" for part in response.message.parts):
        raise FailedCallError("the model refused to answer.")
    if not text_of(response) and response.finish_reason == "stop":
        if has_reasoning(response):
            raise FailedCallError(
                "the model reasoned and left its answer empty; turn its reasoning off"
                " (backend.extra_body=, or where the server is started)."
            )
        # DSPy's own error, so that it is tried again like any fault of a server.
        raise dspy_errors.LMServerError("the answer holds no text")


def with_retries(
    call: Callable[[], _T],
    tries: int,
    first_wait_s: float = 0.25,
    stop: threading.Event | None = None,
    on_wait: Callable[[BaseException], None] | None = None,
) -> tuple[_T, int]:
    """Run a call, again after transient faults; its result and how often it was sent again.

    Args:
        call: What to run.
        tries: How often at most.
        first_wait_s: Seconds before the second try; doubled, with jitter, up to 30. What the
            provider asks for (Retry-After) goes before it, up to `LONGEST_WAIT_S`.
        stop: Ends a wait, and with it the tries.
        on_wait: Told of each fault after which the call is tried again.
    """
    import tenacity

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if on_wait is not None and error is not None:
            on_wait(error)

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        # What the provider asks for goes before our own waits.
        requested_wait = getattr(error, "retry_after", None)
        backoff = tenacity.wait_exponential_jitter(multiplier=first_wait_s, max=30, jitter=0.25)
        return (
            min(LONGEST_WAIT_S, float(requested_wait)) if requested_wait else float(backoff(state))
        )

    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(tries) | tenacity.stop_when_event_set(stop or _NEVER_SET),
        wait=pause,
        sleep=tenacity.sleep_using_event(stop or _NEVER_SET),
        retry=tenacity.retry_if_exception(is_transient),
        before_sleep=tell,
        # Else tenacity raises an error of its own, and DSPy's is only its cause.
        reraise=True,
    )
    value = attempts(call)
    return value, int(attempts.statistics["attempt_number"]) - 1


def words_of(error: BaseException) -> str:
    """What the server said; "" where it said nothing that DSPy knows to read."""
    # DSPy's errors begin, as texts, with a name that it gives the endpoint.
    return str(getattr(error, "message", error))


def explain(error: Exception, endpoint: Endpoint) -> MemalignError:
    """This package's error for one of DSPy's, with what to do about it."""
    raw = words_of(error)
    quoted_message = endpoint.quoted(raw)
    endpoint_problem = _endpoint_problem(error, endpoint, quoted_message)
    if endpoint_problem is not None:
        return BackendError(f"{endpoint.base_url} {endpoint_problem}")
    # Read before anything is struck out or cut.
    if _BLOCKED.search(raw):
        return FailedCallError("the provider's content filter stopped the answer.")
    if _OVER_CONTEXT.search(raw):
        # Servers name the two numbers in either order; the prompt's is the larger.
        numbers = [int(number) for number in _TOKEN_COUNT.findall(raw)]
        return over_context(max(numbers, default="?"), min(numbers, default="?"))
    if timed_out(error):
        return FailedCallError(
            f"{endpoint.base_url} gave no answer within {endpoint.timeout_s:g} s,"
            f" {endpoint.tries} times; raise backend.timeout_s=, or lower"
            " backend.max_concurrency=."
        )
    if _is_unreadable(error):
        # Not what it sent: that may hold an item whose texts are private.
        return FailedCallError(
            f"{endpoint.base_url} sent no answer that can be read, {endpoint.tries} times; is a"
            " proxy between, or another server than you think?"
        )
    status = getattr(error, "status", None)
    told = f"{endpoint.base_url} answered with an error{f' (HTTP {status})' if status else ''}:"
    advice = ""
    if is_throttled(error):
        advice = (
            f" (tried {endpoint.tries} times; lower backend.max_concurrency=, or set"
            " backend.requests_per_minute= or backend.tokens_per_minute=)"
        )
    return FailedCallError(f"{told} {quoted_message}{advice}")


def explain_embedding(error: Exception, endpoint: Endpoint, model: str) -> MemalignError:
    """As `explain`; but an endpoint that does not embed ends the run, since it never will."""
    from dspy.utils import exceptions as dspy_errors

    raw = words_of(error)
    is_refused = isinstance(error, dspy_errors.LMInvalidRequestError)
    is_refused |= getattr(error, "status", None) == _NOT_IMPLEMENTED
    if not (is_refused or _is_unreadable(error)) or _OVER_CONTEXT.search(raw):
        return explain(error, endpoint)
    # What could not be read is not quoted, as in `explain`.
    reason = endpoint.quoted(raw) if is_refused else "what it sent cannot be read"
    return BackendError(
        f"{endpoint.base_url} gave no embeddings for model {model!r} ({reason}); set"
        " backend.embedding_model= to one that embeds, or use embedder=tfidf."
    )


def timed_out(error: BaseException) -> bool:
    """Whether no answer came in time; some clients say so only in words."""
    from dspy.utils import exceptions as dspy_errors

    return isinstance(error, dspy_errors.LMTimeoutError) or "timed out" in str(error)


def _endpoint_problem(error: Exception, endpoint: Endpoint, quoted_message: str) -> str | None:
    """What is wrong with the endpoint as a whole; None where only this call failed."""
    from dspy.utils import exceptions as dspy_errors

    status = getattr(error, "status", None)
    if isinstance(error, dspy_errors.LMAuthError) or status in (401, 403):
        return (
            f"refused the key (HTTP {status}); put a valid one into the environment variable"
            f" {endpoint.api_key_env}, or name another variable with backend.api_key_env=."
        )
    # Before the transport errors, of which it is one.
    if _CERTIFICATE.search(str(error)):
        return (
            f"shows a certificate that this machine does not trust ({quoted_message}); name the"
            " file of the authority that signed it in the environment variable SSL_CERT_FILE, or"
            " correct backend.base_url=."
        )
    if isinstance(error, dspy_errors.LMBillingError):
        return f"wants to be paid first ({quoted_message})."
    if isinstance(error, dspy_errors.LMTransportError) and not timed_out(error):
        return (
            f"cannot be reached{proxy_hint(endpoint.base_url)}, tried {endpoint.tries} times"
            f" ({quoted_message}); start the server or correct backend.base_url=, then run again:"
            " what was answered is kept."
        )
    if isinstance(error, dspy_errors.LMUnsupportedModelError) or status == 404:
        return (
            f"does not know what was asked for ({quoted_message}); check backend.model= and"
            " backend.base_url=."
        )
    return None
