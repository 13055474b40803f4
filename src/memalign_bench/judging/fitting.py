"""How many examples fit a model's context beside the item.

The rule: examples are left out, farthest first, until the prompt's estimated tokens, a quarter more
for the vocabulary (SmolLM2 takes a fifth more than the estimate) and the chat template's marks,
and the answer's own limit fit the context. An example stands whole or not at all. The estimate, not
the model's own count, decides, so that a replay without a model shows the same examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from memalign_bench.backends.base import Message
from memalign_bench.errors import FailedCallError
from memalign_bench.judging.prompt import PromptParts
from memalign_bench.notebooks.budget import estimate_tokens

__all__ = ["needed_tokens", "with_fitting_examples"]

_ESTIMATE_MARGIN = 1.25
_TEMPLATE_TOKENS = 6
"""Tokens that a chat template puts around one message; ChatML takes five."""


def needed_tokens(messages: Sequence[Message], answer_tokens: int) -> int:
    """Tokens of context that a prompt and its answer are sure to fit, by the rule above.

    >>> needed_tokens([Message("user", "Split, then fit.")], 1)
    14
    """
    estimated = sum(estimate_tokens(message.content) + _TEMPLATE_TOKENS for message in messages)
    return int(_ESTIMATE_MARGIN * estimated) + answer_tokens


def with_fitting_examples(
    parts: PromptParts,
    render: Callable[[PromptParts], Sequence[Message]],
    context: int | None,
    answer_tokens: int,
) -> PromptParts:
    """The parts with as many of the nearest examples as fit into the context.

    Args:
        parts: What the prompt is made of; examples nearest first.
        render: Turns parts into messages.
        context: Tokens of context; None for no bound.
        answer_tokens: The answer's limit.

    Raises:
        FailedCallError: If examples were wanted and not even the nearest fits.
    """
    if context is None or not parts.examples:
        return parts
    # From all examples downwards, so that the farthest are dropped first.
    for count in range(len(parts.examples), 0, -1):
        shown = replace(parts, examples=parts.examples[:count])
        needed = needed_tokens(render(shown), answer_tokens)
        if needed <= context:
            return shown
    # The last round measured the nearest alone, so `needed` is the size with one example.
    raise FailedCallError(
        f"no example fits the context of {context} tokens beside the item: with the nearest alone"
        f" the prompt needs {needed}; set backend.context={needed} or more (if the model allows),"
        " or lower view.max_tokens= or view.example_tokens=."
    )
