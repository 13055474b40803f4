"""How far one gets without judging: the label frequencies, the nearest texts, the words.

A data set on which a bag of words finds the grades says nothing about judges. So its labels are
predicted by methods that understand nothing, over folds that keep cases whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["MEDIAN", "Shortcut", "shortcuts", "telling_words", "worst_ratios"]

MEDIAN = "median_label"
FOLDS = 4
REPEATS = 3
NEIGHBOURS = 3
PENALTIES = (1.0, 10.0)
"""Inverse strengths of the logistic regression's penalty that are tried; the better one counts."""

_WORD = r"[^\W\d]\w+|==|<=|>=|[^\s\w]"
"""Names, operators and signs, so that a pinned version looks other than an unpinned one."""

Grades = NDArray[np.int64]


class Shortcut(NamedTuple):
    """How a method did.

    Attributes:
        text: What it read ("notebook", "view"); "" for the median.
        method: `median_label`, `3-neighbour vote`, or logistic regression with its C.
        mae: Mean absolute error in grades, over all repeats of the folds.
    """

    text: str
    method: str
    mae: float


def shortcuts(
    texts: Mapping[str, Sequence[str]],
    grades: Sequence[int],
    cases: Sequence[str],
    *,
    repeats: int = REPEATS,
) -> list[Shortcut]:
    """Error of every shortcut, the median label first.

    Terms are runs of one or two words weighted by TF-IDF, fitted on the training folds. A vote is
    the median of the grades of the most similar (cosine) training items.

    Args:
        texts: Name of a way to show the items -> their texts, each of length n.
        grades: Grades, shape (n,).
        cases: Cases, shape (n,); at least four different ones.
        repeats: How often the folds are drawn anew.
    """
    truth = np.asarray(grades, dtype=np.int64)
    errors: dict[tuple[str, str], list[float]] = {}
    with _one_thread():
        for train, test in _folds(cases, repeats):
            # The lower median: a grade of the scale.
            middle = np.sort(truth[train])[(len(train) - 1) // 2]
            errors.setdefault(("", MEDIAN), []).extend(np.abs(truth[test] - middle))
            for name, versions in texts.items():
                for method, predicted in _predictions(versions, truth, train, test):
                    errors.setdefault((name, method), []).extend(np.abs(truth[test] - predicted))
    return [Shortcut(*key, float(np.mean(all_errors))) for key, all_errors in errors.items()]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Fifty items are too few to share among threads, which then wait for one another."""
    import sklearn.linear_model  # noqa: F401 - only libraries that are loaded can be limited

    with threadpool_limits(1):
        yield


def _folds(cases: Sequence[str], repeats: int) -> Iterator[tuple[Grades, Grades]]:
    from sklearn.model_selection import GroupKFold

    for seed in range(repeats):
        splitter = GroupKFold(FOLDS, shuffle=True, random_state=seed)
        yield from splitter.split(np.zeros(len(cases)), groups=list(cases))


def _predictions(
    texts: Sequence[str], truth: Grades, train: Grades, test: Grades
) -> Iterator[tuple[str, NDArray[Any]]]:
    from sklearn.linear_model import LogisticRegression

    vectorizer = _terms()
    train_terms = vectorizer.fit_transform([texts[place] for place in train])
    test_terms = vectorizer.transform([texts[place] for place in test])
    yield f"{NEIGHBOURS}-neighbour vote", _vote(train_terms, test_terms, truth[train])
    for penalty in PENALTIES:
        name = f"logistic regression, C={penalty:g}"
        # A classifier needs two classes.
        if len(np.unique(truth[train])) < 2:
            yield name, np.full(len(test), truth[train][0])
            continue
        model = LogisticRegression(C=penalty, max_iter=1000)
        yield name, model.fit(train_terms, truth[train]).predict(test_terms)


def _terms() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(token_pattern=_WORD, ngram_range=(1, 2), sublinear_tf=True)


def _vote(train_terms: csr_matrix, test_terms: csr_matrix, grades: Grades) -> NDArray[np.float64]:
    similar = (test_terms @ train_terms.T).toarray()
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, :NEIGHBOURS]
    votes: NDArray[np.float64] = np.median(grades[nearest], axis=1)
    return votes


def worst_ratios(by_dimension: Mapping[str, Sequence[Shortcut]]) -> dict[str, float]:
    """Dimension -> error of its best shortcut as a share of the median label's; 1 is no gain.

    A median label without error leaves nothing to gain and counts as 1.
    """
    ratios = {}
    for dimension, tried in by_dimension.items():
        floor = next(entry.mae for entry in tried if entry.method == MEDIAN)
        best = min(entry.mae for entry in tried if entry.method != MEDIAN)
        ratios[dimension] = best / floor if floor else 1.0
    return ratios


def telling_words(texts: Sequence[str], grades: Sequence[int], n: int = 8) -> dict[int, list[str]]:
    """The terms that speak most for each grade, in a logistic regression on all texts."""
    from sklearn.linear_model import LogisticRegression

    vectorizer = _terms()
    model = LogisticRegression(C=PENALTIES[-1], max_iter=1000)
    with _one_thread():
        model.fit(vectorizer.fit_transform(texts), grades)
    words = vectorizer.get_feature_names_out()
    # With two classes scikit-learn keeps one row of weights, for the second.
    weights = model.coef_ if len(model.classes_) > 2 else np.vstack([-model.coef_, model.coef_])
    return {
        int(grade): [str(words[place]) for place in np.argsort(-row)[:n]]
        for grade, row in zip(model.classes_, weights, strict=True)
    }
