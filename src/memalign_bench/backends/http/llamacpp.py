"""What llama.cpp's server offers beyond OpenAI's routes: tokens, templates, exact probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memalign_bench.backends.base import Message
from memalign_bench.backends.http.steps import are_numbers, check_steps
from memalign_bench.backends.proxies import ask_directly
from memalign_bench.errors import BackendError, FailedCallError
from memalign_bench.types import Usage

if TYPE_CHECKING:
    import httpx

__all__ = ["LlamaCppServer", "exact_parameters", "exact_probabilities", "over_context"]

# Multiplies the odds of each option by e**50, so that no other token comes near.
_LOGIT_BIAS = 50.0


def exact_parameters(tokens: Sequence[int]) -> dict[str, Any]:
    """Request parameters under which the answer shows the exact probabilities of `tokens`.

    Every filter of the sampler is off, and the bias, the same for each, lifts the tokens above
    all others without changing the proportions between them.
    """
    return {
        # The server's own settings, 40 and 0.05, would leave unlikely options out.
        "top_k": 0,
        "min_p": 0.0,
        "post_sampling_probs": True,
        "logit_bias": [[token, _LOGIT_BIAS] for token in tokens],
    }


def exact_probabilities(
    listed: Sequence[Mapping[str, Any]], tokens: Sequence[int]
) -> tuple[tuple[float, ...], float]:
    """Probabilities of `tokens`, made to sum to 1, and the mass before that.

    Args:
        listed: The server's `top_probs`, each with `id` and `prob`.
        tokens: Token ids in the order wanted.

    Raises:
        FailedCallError: If a token is not listed.
    """
    probability_of = {int(entry["id"]): float(entry["prob"]) for entry in listed}
    missing = [token for token in tokens if token not in probability_of]
    if missing or not (mass := sum(probability_of[token] for token in tokens)) > 0:
        raise FailedCallError(
            f"the server listed the probabilities of tokens {sorted(probability_of)}, but not of"
            f" {missing}: another token outweighs the grades; ask for them in another way"
            " (prompt.grades=)."
        )
    return tuple(probability_of[token] / mass for token in tokens), mass


class LlamaCppServer:
    """The routes of one llama.cpp server.

    Args:
        root: Its address without `/v1`.
        timeout_s: Seconds to wait for an answer.
        headers: Sent with every request (a key, where the server wants one).
    """

    def __init__(
        self, root: str, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> None:
        import httpx

        ask_directly(root)
        self.root = root
        self._http: httpx.Client = httpx.Client(
            base_url=root, timeout=timeout_s, headers=dict(headers or {})
        )

    def is_there(self) -> bool:
        """Whether the address answers as llama.cpp does."""
        import httpx

        try:
            answer = self._http.get("/props")
            # A field of llama.cpp's: other servers may have a route of that name.
            return answer.status_code == 200 and "default_generation_settings" in answer.json()
        except (httpx.HTTPError, ValueError):
            return False

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, no beginning-of-text token added."""
        tokens = self._post("/tokenize", {"content": text, "add_special": False})["tokens"]
        return [int(token) for token in tokens]

    def apply_template(self, messages: Sequence[Message]) -> str:
        """Messages as the model's chat template writes them."""
        as_dicts = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._post("/apply-template", {"messages": as_dicts})["prompt"])

    def read_prefix(self, text: str, *, cached: bool) -> int:
        """Have the server read a text, with or without what its cache holds; tokens read."""
        # At 0 nothing is generated, but the prompt is read into the cache. What is counted leaves
        # out what the cache held before.
        answer = self._post("/completion", {"prompt": text, "n_predict": 0, "cache_prompt": cached})
        return int(answer["timings"]["prompt_n"])

    def measure(
        self, prompt: str, tokens: Sequence[int], *, cached: bool
    ) -> tuple[tuple[float, ...], float, Usage]:
        """Exact probabilities of one-token continuations of a written-out text."""
        answer = self._post(
            "/completion",
            {
                "prompt": prompt,
                "n_predict": 1,
                # What is shown is what the sampler left: at 0 that would be one token alone.
                "temperature": 1.0,
                "top_p": 1.0,
                "n_probs": len(tokens),
                "cache_prompt": cached,
                **exact_parameters(tokens),
            },
        )
        listed = answer["completion_probabilities"][0]["top_probs"]
        cached_tokens = int(answer["timings"]["cache_n"])
        # The whole prompt, in spite of the name: what came from the cache is counted too.
        usage = Usage(int(answer["tokens_evaluated"]), 1, cached_tokens)
        return *exact_probabilities(listed, tokens), usage

    def option_tokens(self, options: Sequence[str], prefill: str) -> tuple[int, ...]:
        """The token of each option.

        After a prefill without a space at its end, " good" is the natural continuation, so that
        form is taken if it is one token for every option; otherwise the option as it stands. A
        number that was begun goes on without a space.

        Returns:
            Nothing where the options are numbers of several tokens, to be asked `in_steps`.

        Raises:
            BackendError: If an option is more than one token in either form.
        """
        takes_no_space = prefill[-1:].isdigit() or prefill.endswith((" ", "\n", "-", "."))
        forms = [""] if takes_no_space else [" ", ""]
        for form in forms:
            tokens = [self.tokenize(form + option) for option in options]
            if all(len(option_ids) == 1 for option_ids in tokens):
                return tuple(option_ids[0] for option_ids in tokens)
        # Digits that are not one token each could not be asked a character at a time either.
        if are_numbers(options) and any(len(option) > 1 for option in options):
            check_steps(options)
            return ()
        # As they stand: the form tried last.
        too_long = [
            o for o, option_ids in zip(options, tokens, strict=True) if len(option_ids) != 1
        ]
        raise BackendError(
            f"grades {too_long!r} are not one token each in this model's vocabulary, so their"
            " probabilities cannot be read; use prompt.grades=digits, or scoring=verdict."
        )

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def _post(self, route: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer of a route."""
        import httpx

        try:
            answer = self._http.post(route, json=body)
        except httpx.TimeoutException as error:
            raise FailedCallError(
                f"the llama.cpp server gave no answer at {route} within"
                f" {self._http.timeout.read:g} s; raise backend.timeout_s=, or shorten the prompt"
                " (view.max_tokens=)."
            ) from error
        except httpx.HTTPError as error:
            raise BackendError(
                f"the llama.cpp server at {self.root} cannot be reached ({error}); start it again,"
                " then run again: what was answered is kept."
            ) from error
        if answer.status_code != 200:
            raise self._error_of(route, answer)
        return answer.json()

    def _error_of(self, route: str, answer: httpx.Response) -> Exception:
        """The error that an answer with another status stands for."""
        try:
            detail = answer.json()["error"]
        except (ValueError, KeyError, TypeError):
            detail = {}
        if not isinstance(detail, dict):
            # A proxy, or another server, may send a text there.
            detail = {"message": str(detail)}
        if detail.get("type") == "exceed_context_size_error":
            return over_context(detail.get("n_prompt_tokens"), detail.get("n_ctx"))
        if answer.status_code in (404, 501):
            return BackendError(f"the server at {self.root} does not offer {route}.")
        message = detail.get("message", answer.reason_phrase)
        return FailedCallError(f"{route} answered {answer.status_code}: {message}")


def over_context(tokens: object, context: object) -> FailedCallError:
    """The error for a prompt that is longer than the model's context."""
    return FailedCallError(
        f"a prompt of {tokens} tokens does not fit the context of {context}; raise"
        " backend.context= (if the model allows), or lower view.max_tokens= or memory.k=."
    )
