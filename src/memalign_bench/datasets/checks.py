"""What in a valid data set will harm a study: duplicates across cases, quotes, thin labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import Gold, rating_matrix
from memalign_bench.notebooks.facts.cells import notebook_language
from memalign_bench.notebooks.parse import read_notebook
from memalign_bench.stats.raters import krippendorff_alpha
from memalign_bench.types import NOT_APPLICABLE, Grade, Item, Label
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = [
    "FEWEST_ITEMS",
    "Finding",
    "NearDuplicate",
    "Quote",
    "findings_of",
    "item_text",
    "near_duplicates",
    "quoted_items",
]

FEWEST_ITEMS = 8
"""A dimension with fewer applicable items is warned of."""

FEWEST_CASES = 6
"""With fewer cases no sign-flip test reaches a p-value of 0.05: 2 to the power of 1 - 6 does."""

_MIN_ALPHA = 0.1
"""Below this raters agree hardly more than chance would have it."""

_DUPLICATE_JACCARD = 0.8
_SHINGLE_WORDS = 5
_QUOTE_WORDS = 8
_MAX_QUOTED_ITEMS = 3
"""A phrase that stands in more items than this is boilerplate and quotes none of them."""


class NearDuplicate(NamedTuple):
    """Two items of different cases that say nearly the same.

    Attributes:
        first: Item id.
        second: Item id, later in order.
        shared: Jaccard index of their runs of five words, 0 to 1.
    """

    first: str
    second: str
    shared: float


class Finding(NamedTuple):
    """Something that will hurt.

    Attributes:
        text: The warning.
        dimension: The dimension that it is about; "" for the data set.
        blocks: Why no claim can rest on the dimension, in few words; "" where one can.
    """

    text: str
    dimension: str = ""
    blocks: str = ""


class Quote(NamedTuple):
    """A rationale with a run of eight words that stands in another item and not in its own."""

    label: Label
    quoted: str


def item_text(item: Item) -> str:
    """The words of an item: its text, or the sources of its cells."""
    if item.kind == "text":
        return item.content
    return "\n".join(cell.source for cell in read_notebook(item.content, item.item_id).cells)


def near_duplicates(data: LabelledDataset) -> list[NearDuplicate]:
    """Pairs of items across cases whose runs of five words overlap by 0.8 or more.

    Of items too short for that, the first that says the same to the same request. Such a pair lets
    a memory look the answer up: one of them may be a training item of the other.
    """
    items = list(data.item.values())
    texts = [item_text(item) for item in items]
    short = list(_short_duplicates(items, texts))
    counts = _count_shingles(texts, _SHINGLE_WORDS)
    if counts is None:
        return sorted(short)
    shingles, _ = counts
    # Sums of a sparse matrix are a `matrix`, which keeps its two dimensions.
    sizes = np.asarray(shingles.sum(axis=1)).ravel()
    # Sparse: only pairs that share a run of words have an entry.
    shared = (shingles @ shingles.T).tocoo()
    pairs = []
    for first, second, n_shared in zip(shared.row, shared.col, shared.data, strict=True):
        # Each pair once; items of one case may be alike, since a fold keeps them together.
        if first < second and items[first].case_id != items[second].case_id:
            jaccard = float(n_shared) / float(sizes[first] + sizes[second] - n_shared)
            if jaccard >= _DUPLICATE_JACCARD:
                ids = items[first].item_id, items[second].item_id
                pairs.append(NearDuplicate(*ids, round(jaccard, 3)))
    return sorted([*pairs, *short])


def _short_duplicates(items: Sequence[Item], texts: Sequence[str]) -> Iterator[NearDuplicate]:
    """Texts too short for shingles that say the same words to the same request."""
    # (request, words) -> the first item that says them.
    first_with_words: dict[tuple[str, ...], Item] = {}
    for item, text in zip(items, texts, strict=True):
        words = re.findall(r"\w+", text.lower())
        if len(words) < _SHINGLE_WORDS and text.strip():
            # Of signs without any word the text itself is compared.
            first_item = first_with_words.setdefault(
                (item.prompt, *(words or [text.strip()])), item
            )
            if first_item.case_id != item.case_id:
                yield NearDuplicate(first_item.item_id, item.item_id, 1.0)


def quoted_items(data: LabelledDataset) -> list[Quote]:
    """Rationales that quote another item, by label; at most one quote a label is named."""
    items = list(data.item.values())
    index_of_item = {item.item_id: number for number, item in enumerate(items)}
    item_texts = [f"{item.prompt}\n{item.context}\n{item_text(item)}" for item in items]
    shingle_counts = _count_shingles(item_texts, _QUOTE_WORDS)
    if shingle_counts is None:
        return []
    in_items, count_in = shingle_counts
    # Phrases of many items are boilerplate.
    rare = (in_items.sum(axis=0) <= _MAX_QUOTED_ITEMS).astype(int)
    labels = [
        label for label in data.label_list if label.item_id in index_of_item and label.rationale
    ]
    in_rationales = count_in([label.rationale for label in labels])
    in_rationales = in_rationales.multiply(rare).tocsr()
    # Phrases of the rationale that its own item does not hold.
    foreign = in_rationales - in_rationales.multiply(
        in_items[[index_of_item[label.item_id] for label in labels]]
    )
    # Rationales by items: how many foreign phrases of a rationale each item holds.
    hits = (foreign @ in_items.T).tocsr()
    return [
        # In a sparse row, `data` holds the counts and `indices` the items that they are of.
        Quote(label, items[int(row.indices[row.data.argmax()])].item_id)
        for label, row in zip(labels, hits, strict=True)
        if row.data.size and row.data.max() > 0
    ]


def _count_shingles(
    texts: Sequence[str], words: int
) -> tuple[csr_matrix, Callable[[Sequence[str]], csr_matrix]] | None:
    """Which runs of `words` words each text holds (0 or 1), and the same for other texts."""
    from sklearn.feature_extraction.text import CountVectorizer

    # binary: the Jaccard index compares sets of phrases.
    vectorizer: Any = CountVectorizer(
        token_pattern=r"\w+", ngram_range=(words, words), binary=True, dtype="int64"
    )
    try:
        return vectorizer.fit_transform(texts), vectorizer.transform
    except ValueError:  # no text is that long
        return None


def findings_of(
    data: LabelledDataset,
    gold: Mapping[tuple[str, str], Gold],
    dimensions: Sequence[str],
    grades: Sequence[Grade],
) -> list[Finding]:
    """What will harm a study, most telling first.

    Args:
        data: The checked data set.
        gold: Its gold labels by (item id, dimension).
        dimensions: In the rubric's order.
        grades: The scale.
    """
    pairs = near_duplicates(data)
    return [
        *(finding for name in dimensions for finding in _support_findings(data, gold, name, pairs)),
        *(finding for name in dimensions for finding in _agreement_findings(data, name, grades)),
        *_duplicate_findings(pairs),
        *_language_findings(data.item_list),
        *(
            Finding(
                f"the rationale of {quote.label.rater!r} for {quote.label.item_id!r},"
                f" {quote.label.dimension!r}, quotes item {quote.quoted!r}: is it on the wrong row?"
            )
            for quote in quoted_items(data)
        ),
    ]


def _duplicate_findings(pairs: Sequence[NearDuplicate]) -> Iterator[Finding]:
    """One finding for all near-duplicates across cases."""
    if pairs:
        names = {name for pair in pairs for name in pair[:2]}
        least_shared = min(pair.shared for pair in pairs)
        yield Finding(
            f"{len(names)} items of different cases are near-duplicates (items {pairs[0].first!r}"
            f" and {pairs[0].second!r}, say; they share {least_shared:.0%} of their phrases or"
            " more): put each group in one case, or a memory looks the answer up."
        )


def _language_findings(items: Iterable[Item]) -> Iterator[Finding]:
    """One finding for all notebooks that are written in another language than Python."""
    languages = Counter(notebook_language(i.content) for i in items if i.kind == "notebook")
    others = {name: n for name, n in languages.most_common() if name != "python"}
    if others:
        told = ", ".join(f"{name} {n}" for name, n in others.items())
        yield Finding(
            f"of {counted(languages.total(), 'notebook')} {sum(others.values()):,} not written in"
            f" Python ({told}): views with patterns for Python show little of them; a rubric of"
            " your own may ask for all of it (view: mode: whole)."
        )


def _support_findings(
    data: LabelledDataset,
    gold: Mapping[tuple[str, str], Gold],
    dimension: str,
    pairs: Sequence[NearDuplicate],
) -> Iterator[Finding]:
    """Findings where there are too few items, cases or grades for a study to show anything."""
    graded = {
        key[0]: entry.score
        for key, entry in gold.items()
        if key[1] == dimension and entry.score is not NOT_APPLICABLE
    }
    if len(graded) < FEWEST_ITEMS:
        reason = f"{len(graded)} applicable items; under {FEWEST_ITEMS} little shows"
        yield Finding(f"{dimension}: {reason}.", dimension, reason)
    if graded and len(set(graded.values())) == 1:
        reason = f"every gold score is {next(iter(graded.values()))}; nothing can be told apart"
        yield Finding(f"{dimension}: {reason}.", dimension, reason)
    graded_pairs = [pair for pair in pairs if pair.first in graded and pair.second in graded]
    if graded_pairs:
        yield from _duplicate_support_findings(data, graded, dimension, graded_pairs)
    labels = [label for label in data.label_list if label.dimension == dimension]
    without_rationale = sum(not label.rationale.strip() for label in labels)
    if (
        0 < without_rationale < len(labels)
    ):  # that none has one is told by what cannot be learnt then
        yield Finding(
            f"{dimension}: {without_rationale} of {len(labels)} labels have no rationale;"
            " guidelines are distilled from rationales.",
            dimension,
        )


def _duplicate_support_findings(
    data: LabelledDataset,
    graded: Mapping[str, Grade],
    dimension: str,
    pairs: Sequence[NearDuplicate],
) -> Iterator[Finding]:
    """Findings where near-duplicates leave too few cases, or have different gold scores."""
    n_cases = _merged_cases(data, graded, pairs)
    if n_cases < FEWEST_CASES:
        cases = "case" if n_cases == 1 else "different cases"
        reason = f"{n_cases} {cases}, near-duplicates counted once; {FEWEST_CASES} are needed"
        yield Finding(f"{dimension}: {reason}.", dimension, reason)
    contradicted = {
        name for pair in pairs if graded[pair.first] != graded[pair.second] for name in pair[:2]
    }
    if contradicted:
        n_left = len(graded) - len(contradicted)
        reason = (
            f"{len(contradicted)} of {len(graded)} items have a near-duplicate with another gold"
            " score"
        )
        yield Finding(
            f"{dimension}: {reason}; no judge gets both right.",
            dimension,
            reason if n_left < FEWEST_ITEMS else "",
        )


def _merged_cases(
    data: LabelledDataset, graded: Iterable[str], pairs: Sequence[NearDuplicate]
) -> int:
    """The number of cases, those that share near-duplicates counted as one."""
    # Case -> the case that stands for its group.
    group = {data.item[name].case_id: data.item[name].case_id for name in graded}
    for pair in pairs:
        first, second = (group[data.item[name].case_id] for name in pair[:2])
        if first != second:
            # All cases of the second group join the first.
            group = {
                case: first if case_group == second else case_group
                for case, case_group in group.items()
            }
    return len(set(group.values()))


def _agreement_findings(
    data: LabelledDataset, dimension: str, grades: Sequence[Grade]
) -> Iterator[Finding]:
    """Findings where raters do not agree, or nobody can tell, over all items that they rated."""
    ratings = rating_matrix(data, dimension)
    is_rated = ~np.isnan(ratings)
    if ratings.shape[1] < 2:
        reason = "one rater only; how well people agree cannot be told"
        yield Finding(f"{dimension}: {reason}.", dimension)
        return
    # Rows are items, columns raters.
    if not (is_rated.sum(axis=1) >= 2).any():
        reason = "no two raters share an item; how well people agree cannot be told"
        yield Finding(f"{dimension}: {reason}.", dimension, reason)
        return
    alpha = krippendorff_alpha(ratings, grades)
    if alpha is not None and alpha < _MIN_ALPHA:
        values, counts = np.unique(ratings[is_rated], return_counts=True)
        most_frequent, share = values[counts.argmax()], counts.max() / counts.sum()
        details = f"alpha {alpha:.2f}; {share:.0%} of grades are {most_frequent:g}"
        reason = f"raters agree hardly beyond chance ({details})"
        yield Finding(f"{dimension}: {reason}.", dimension, reason)
