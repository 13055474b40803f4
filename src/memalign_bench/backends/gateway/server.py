"""A loopback endpoint in front of a backend, for code that is not ours and calls models by itself.

It speaks OpenAI's dialect (chat completions and embeddings), so MLflow's optimisers and LiteLLM can
be pointed at it; store, limits, budget and every backend, the simulated one included, hold for
them as for the suite's own calls. Equal requests are one call: the store answers the second.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from memalign_bench.backends.base import Backend, ChatRequest, Message
from memalign_bench.backends.gateway.accounts import DEFAULT_MAX_TOKENS, Account
from memalign_bench.backends.proxies import ask_directly
from memalign_bench.closing import Closing
from memalign_bench.errors import BackendError, FailedCallError, MemalignError, RequestError
from memalign_bench.types import Usage

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Gateway"]

_START_S = 20.0
_STOP_S = 2
"""Seconds that calls under way are waited for when it closes."""
# OpenAI's newer models say "developer" for "system".
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}
# Refused and not passed over: the guest would take the answer for what it had asked.
_UNSUPPORTED = ("tools", "functions", "audio", "logit_bias")


class Gateway(Closing):
    """Serves a backend on a free port of loopback while it is open.

    Only who knows `key` is answered: other users of the machine can reach the port too.

    Args:
        backend: What answers.
        embedder: What embeds; None for `backend`.

    Attributes:
        key: The key that callers must send.
        usage: What the calls that went through took together, those from the store included.
        failures: One line for each call that was answered with an error.
    """

    def __init__(self, backend: Backend, embedder: Backend | None = None) -> None:
        self.backend = backend
        self.embedder = embedder or backend
        self.key = secrets.token_urlsafe(24)
        self.usage = Usage()
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Its address, with the closing `/v1`."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        """Start serving.

        Raises:
            BackendError: If the server does not come up.
        """
        import uvicorn

        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Bound here and handed over: a port that was only looked for could be taken meanwhile.
        listening.bind(("127.0.0.1", 0))
        self._port = listening.getsockname()[1]
        ask_directly(self.base_url)
        config = uvicorn.Config(
            self._application(),
            log_level="critical",
            lifespan="off",
            access_log=False,
            timeout_graceful_shutdown=_STOP_S,
        )
        self._server = uvicorn.Server(config)
        # Off the main thread uvicorn leaves the signals alone, so that Ctrl-C stays the command's;
        # a daemon does not keep a process alive that ends without closing it.
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="gateway", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_S
        # uvicorn sets a flag and tells nobody.
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise BackendError("the loopback gateway did not start.")
            time.sleep(0.01)
        return self

    def close(self) -> None:
        """Stop serving; calls under way are waited for, for a moment."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()

    def admit(self, account: Account) -> None:
        """From now on, calls of a model of this account's name are the account's."""
        with self._lock:
            self._accounts[account.name] = account

    def dismiss(self, account: Account) -> None:
        """Forget an account; its name is answered by the backend again."""
        with self._lock:
            self._accounts.pop(account.name, None)

    def _account(self, body: Mapping[str, Any]) -> Account | None:
        """The account of the model that a request names; None for any other name."""
        with self._lock:
            return self._accounts.get(str(body.get("model")))

    def _application(self) -> Starlette:
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(
            routes=[
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/embeddings", self._embed, methods=["POST"]),
            ]
        )

    async def _models(self, request: Request) -> Response:
        from starlette.responses import JSONResponse

        model = {"id": self.backend.model, "object": "model", "owned_by": "memalign-bench"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _chat(self, request: Request) -> Response:
        return await self._respond(request, self._chat_answer)

    async def _embed(self, request: Request) -> Response:
        return await self._respond(request, self._embed_answer)

    async def _respond(
        self, request: Request, answer: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> Response:
        """Answer a request on a thread, and turn errors into OpenAI's."""
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import JSONResponse

        key_sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        # In constant time, so that the key cannot be guessed letter by letter.
        # As bytes: of texts it takes ASCII alone, and callers may send anything.
        if not hmac.compare_digest(key_sent.encode(), self.key.encode()):
            return JSONResponse(_error_body("this gateway wants its own key", "auth"), 401)
        try:
            body = await request.json()
            if not isinstance(body, dict):
                raise RequestError(f"a request is a JSON object, got {body!r:.60}.")
            # The backend blocks, and must not hold up the server's loop.
            return JSONResponse(await run_in_threadpool(answer, body))
        # No JSON, a field that is missing or of another kind, or something that is not done here.
        except (ValueError, KeyError, TypeError, RequestError) as error:
            return self._error_response(
                400, f"{type(error).__name__}: {error}", "invalid_request_error"
            )
        except FailedCallError as error:
            # 400 is what no client sends again; the suite has tried often enough.
            code = "context_length_exceeded" if "context" in str(error) else "failed_call"
            return self._error_response(400, str(error), code)
        except MemalignError as error:  # no model, no money, no call store
            # 402, for the same reason: a 5xx would be sent again by the guest's client.
            return self._error_response(402, str(error), "insufficient_quota")

    def _error_response(self, status: int, message: str, code: str) -> Response:
        """An error's response; the error is kept in `failures`."""
        from starlette.responses import JSONResponse

        with self._lock:
            self.failures.append(message)
        return JSONResponse(_error_body(message, code), status)

    def _chat_answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        account = self._account(body)
        if account is None:
            answer = self.backend.chat(_chat_request(body, DEFAULT_MAX_TOKENS))
        else:
            answer = account.chat(_chat_request(body, account.max_tokens))
        self._add_usage(answer.usage)
        message = {"role": "assistant", "content": answer.text}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish, "logprobs": None}
        return {
            "id": "chatcmpl-gateway",
            "object": "chat.completion",
            "created": 0,
            "model": str(body.get("model") or answer.model),
            "choices": [choice],
            "usage": _usage_body(answer.usage),
        }

    def _embed_answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        raw_input = body["input"]
        texts = [raw_input] if isinstance(raw_input, str) else list(raw_input)
        # OpenAI's dialect also allows token ids, which no backend here takes.
        if not all(isinstance(text, str) for text in texts):
            raise RequestError("input must be a text or a list of texts.")
        account = self._account(body)
        vectors = self.embedder.embed(texts) if account is None else account.embed(texts)
        # What OpenAI's Python client asks for where its user named no format.
        as_base64 = body.get("encoding_format") == "base64"
        rows = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _encoded_vector(row, packed=as_base64),
            }
            for index, row in enumerate(vectors)
        ]
        # Backends tell no tokens of what they embed, hence the empty usage.
        model = str(body.get("model") or self.embedder.model)
        return {"object": "list", "data": rows, "model": model, "usage": _usage_body(Usage())}

    def _add_usage(self, usage: Usage) -> None:
        with self._lock:
            self.usage += usage


def _chat_request(body: Mapping[str, Any], max_tokens: int) -> ChatRequest:
    """The request as the suite makes them; `max_tokens` where the guest sets no bound.

    Raises:
        RequestError: If it asks for what a backend does not do.
    """
    unsupported = [name for name in _UNSUPPORTED if body.get(name)]
    if unsupported or body.get("stream") or (body.get("n") or 1) != 1:
        named = ", ".join(unsupported) or ("stream" if body.get("stream") else "n > 1")
        raise RequestError(f"the gateway does not do {named}.")
    messages = []
    for message in body["messages"]:
        if message["role"] not in _ROLES:
            raise RequestError(f"the gateway does not know the role {message['role']!r}.")
        messages.append(Message(_ROLES[message["role"]], _text(message["content"])))  # type: ignore[arg-type]
    # "json_object" is passed over: no backend has it, and DSPy asks for JSON in words as well.
    response_format = body.get("response_format") or {}
    return ChatRequest(
        tuple(messages),
        int(body.get("max_completion_tokens") or body.get("max_tokens") or max_tokens),
        # Not OpenAI's 1: what nobody asked to be drawn is to come out the same each time.
        float(body.get("temperature") or 0.0),
        response_format["json_schema"]["schema"]
        if response_format.get("type") == "json_schema"
        else None,
    )


def _text(content: Any) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, str):
        return content
    # A part without text, such as an image, is a KeyError, and answered with 400.
    return "".join(part["text"] for part in content)


def _encoded_vector(row: Any, *, packed: bool) -> Any:
    """A vector as OpenAI's clients want it: numbers, or packed 32-bit floats."""
    if packed:
        return base64.b64encode(np.asarray(row, dtype="<f4").tobytes()).decode()
    return [float(value) for value in row]


def _usage_body(usage: Usage) -> dict[str, Any]:
    """Tokens in OpenAI's fields."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _error_body(message: str, code: str) -> dict[str, Any]:
    """An error in OpenAI's form."""
    return {"error": {"message": message, "type": code, "param": None, "code": code}}
