"""What every model that runs in this process has in common."""

from __future__ import annotations

from memalign_bench.backends.base import Mode, check_mode
from memalign_bench.backends.prices import Price

__all__ = ["InProcessModel"]


class InProcessModel:
    """A spec of a model that runs in this process: nothing is paid, and its grades are exact.

    Attributes:
        context: Tokens of context, None for no bound.
        mode: `live`, or `replay` to send nothing and take every answer from the call store.
    """

    # Annotations alone, as this is no dataclass: subclasses order their fields themselves.
    context: int | None
    mode: Mode

    def __post_init__(self) -> None:
        check_mode(self.mode)

    @property
    def context_tokens(self) -> int | None:
        """Tokens of context, None for no bound."""
        return self.context

    @property
    def gives_logprobs(self) -> bool | None:
        """Yes, exact ones."""
        return True

    @property
    def price(self) -> Price | None:
        """None: nothing is paid."""
        return None

    @property
    def prompt_rate(self) -> float | None:
        """Prompt tokens a second that it was last measured at on this machine, None if never."""
        return None

    @property
    def is_local(self) -> bool:
        """It runs in this process."""
        return True
