"""Turns texts into unit vectors, so that an inner product is a cosine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.base import Backend
from memalign_bench.errors import AlignmentError
from memalign_bench.memory.indexes import MOST_DENSE

__all__ = [
    "BackendEmbedder",
    "Embedder",
    "Encode",
    "TfidfEmbedder",
    "TfidfEncoder",
    "encode_items",
    "unit_rows",
]

Vectors = NDArray[np.float32]

Encode = Callable[[Sequence[str]], Vectors]
"""Texts to an array (n_texts, width) of unit rows; a text without any known word is all zeros."""


class Embedder(Protocol):
    """Makes an `Encode`, having seen training texts only."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    @property
    def asks_backend(self) -> bool:
        """Whether the backend makes the vectors."""

    def fit(self, texts: Sequence[str], backend: Backend) -> Encode:
        """Fit on the texts of one fold's training items, and return the encoder."""


@dataclass(frozen=True)
class TfidfEmbedder:
    """Term frequency, inverse document frequency; vocabulary and weights from training texts only.

    Attributes:
        name: Name of the YAML choice.
        ngrams: Longest run of words that counts as a term.
        pattern: What a word is; the default takes identifiers apart at underscores.
    """

    name: str = "tfidf"
    ngrams: int = 2
    # "X_train2" gives "train" and "2": a letter that stands alone is no word.
    pattern: str = r"[^\W\d_]{2,}|[0-9]+"

    @property
    def asks_backend(self) -> bool:
        """Never: it counts words."""
        return False

    def fit(self, texts: Sequence[str], backend: Backend) -> Encode:
        """Fit on training texts; the backend is not asked."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        terms = _term_cutter(self.pattern, self.ngrams)
        # 1 + log of a term's count, so that a repeated word does not rule the vector.
        vectorizer: Any = TfidfVectorizer(analyzer=terms, sublinear_tf=True)
        try:
            vectorizer.fit(texts)
        except ValueError as error:
            raise AlignmentError(f"the training texts hold no word to embed: {error}") from error
        return TfidfEncoder(vectorizer)


@dataclass(frozen=True, eq=False)
class TfidfEncoder:
    """Texts to TF-IDF vectors.

    Attributes:
        vectorizer: A fitted `TfidfVectorizer`.
    """

    vectorizer: Any

    @property
    def width(self) -> int:
        """Numbers of a vector, one a term."""
        return len(self.vectorizer.vocabulary_)

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Dense unit rows."""
        return unit_rows(self.vectorizer.transform(texts).toarray())

    def sparse(self, texts: Sequence[str]) -> Any:
        """The same rows as a sparse matrix; the vectorizer gives them at unit length."""
        return self.vectorizer.transform(texts).astype(np.float32)


def encode_items(encode: Encode, texts: Sequence[str]) -> Any:
    """Vectors of training items for an index: sparse where dense ones would take too much memory.

    Returns:
        `Vectors`, or a sparse matrix of the same shape.
    """
    if isinstance(encode, TfidfEncoder) and len(texts) * encode.width > MOST_DENSE:
        return encode.sparse(texts)
    return encode(texts)


@lru_cache(maxsize=8)
def _term_cutter(pattern: str, ngrams: int) -> Callable[[str], Sequence[str]]:
    """Cuts a text into terms; cached, since a text is in the training folds of several cells."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    analyzer = TfidfVectorizer(token_pattern=pattern, ngram_range=(1, ngrams)).build_analyzer()
    # A tuple, since what is cached is shared: nobody can change it.
    return lru_cache(maxsize=256)(lambda text: tuple(analyzer(text)))


@dataclass(frozen=True)
class BackendEmbedder:
    """The vectors of an embedding model behind the backend.

    Attributes:
        name: Name of the YAML choice.
    """

    name: str = "backend"

    @property
    def asks_backend(self) -> bool:
        """Always."""
        return True

    def fit(self, texts: Sequence[str], backend: Backend) -> Encode:
        """Nothing is fitted; texts are embedded by the backend when asked."""
        return lambda batch: unit_rows(backend.embed(list(batch)))


def unit_rows(vectors: Any) -> Vectors:
    """Rows scaled to length one, zeros left as they are.

    Raises:
        AlignmentError: If a value is not a finite number.
    """
    # Lengths are taken in double precision; FAISS wants float32.
    array = np.asarray(vectors, dtype=np.float64)
    if not np.isfinite(array).all():
        raise AlignmentError("the embedder returned values that are not finite numbers.")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    # A text without known words stays a zero vector, similar to nothing.
    unit: Vectors = (array / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return unit
