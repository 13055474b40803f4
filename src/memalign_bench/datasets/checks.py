"""What in a valid data set will hurt a study: duplicates across cases, quotes, thin labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import ADJUDICATED_RATER, Gold
from memalign_bench.notebooks.parse import read_notebook
from memalign_bench.types import NOT_APPLICABLE, Item, Label

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = [
    "FEWEST_ITEMS",
    "NearDuplicate",
    "Quote",
    "item_text",
    "near_duplicates",
    "quoted_items",
    "warnings_of",
]

FEWEST_ITEMS = 8
"""A dimension with fewer applicable items is warned of."""

_SAME_SHINGLES = 0.8
_SHINGLE_WORDS = 5
_QUOTE_WORDS = 8
_COMMON_TO = 3
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


class Quote(NamedTuple):
    """A rationale with a run of eight words that stands in another item and not in its own."""

    label: Label
    quoted: str


def item_text(item: Item) -> str:
    """The words of an item: its text, or the sources of its cells."""
    if item.kind == "text":
        return item.content
    return "\n".join(cell.source for cell in read_notebook(item.content, item.item_id).cells)


def near_duplicates(data: LabelledDataset, least: float = _SAME_SHINGLES) -> list[NearDuplicate]:
    """Pairs of items across cases whose runs of five words overlap by `least` or more.

    Such a pair lets a memory look the answer up: one of them may be a training item of the other.
    """
    items = list(data.item.values())
    counted = _shingles([item_text(item) for item in items], _SHINGLE_WORDS)
    if counted is None:
        return []
    found, _ = counted
    sizes = found.sum(axis=1).A1 if hasattr(found.sum(axis=1), "A1") else found.sum(axis=1)
    shared = (found @ found.T).tocoo()
    pairs = []
    for one, other, both in zip(shared.row, shared.col, shared.data, strict=True):
        if one < other and items[one].case_id != items[other].case_id:
            jaccard = float(both) / float(sizes[one] + sizes[other] - both)
            if jaccard >= least:
                ids = items[one].item_id, items[other].item_id
                pairs.append(NearDuplicate(*ids, round(jaccard, 3)))
    return sorted(pairs)


def quoted_items(data: LabelledDataset) -> list[Quote]:
    """Rationales that quote another item, by label; at most one quote a label is named."""
    items = list(data.item.values())
    place = {item.item_id: number for number, item in enumerate(items)}
    own = [f"{item.prompt}\n{item.context}\n{item_text(item)}" for item in items]
    counted = _shingles(own, _QUOTE_WORDS)
    if counted is None:
        return []
    held, count = counted
    rare = (held.sum(axis=0) <= _COMMON_TO).astype(int)
    labels = [label for label in data.label_list if label.item_id in place and label.rationale]
    said = count([label.rationale for label in labels])
    said = said.multiply(rare).tocsr()
    foreign = said - said.multiply(held[[place[label.item_id] for label in labels]])
    hits = (foreign @ held.T).tocsr()
    return [
        Quote(label, items[int(row.indices[row.data.argmax()])].item_id)
        for label, row in zip(labels, hits, strict=True)
        if row.data.size and row.data.max() > 0
    ]


def _shingles(
    texts: Sequence[str], words: int
) -> tuple[csr_matrix, Callable[[Sequence[str]], csr_matrix]] | None:
    """Which runs of `words` words each text holds (0 or 1), and the same for other texts."""
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer: Any = CountVectorizer(
        token_pattern=r"\w+", ngram_range=(words, words), binary=True, dtype="int64"
    )
    try:
        return vectorizer.fit_transform(texts), vectorizer.transform
    except ValueError:  # no text is that long
        return None


def warnings_of(
    data: LabelledDataset, gold: Mapping[tuple[str, str], Gold], dimensions: Sequence[str]
) -> list[str]:
    """What will hurt, a line each, most telling first.

    Args:
        data: The checked data set.
        gold: Its gold labels by (item id, dimension).
        dimensions: In the rubric's order.
    """
    return [
        *_thin(data, gold, dimensions),
        *(
            f"items {pair.first!r} and {pair.second!r} of different cases are near-duplicates"
            f" ({pair.shared:.0%} of their phrases): put them in one case, or a memory looks the"
            " answer up."
            for pair in near_duplicates(data)
        ),
        *(
            f"the rationale of {quote.label.rater!r} for {quote.label.item_id!r},"
            f" {quote.label.dimension!r}, quotes item {quote.quoted!r}: is it on the wrong row?"
            for quote in quoted_items(data)
        ),
    ]


def _thin(
    data: LabelledDataset, gold: Mapping[tuple[str, str], Gold], dimensions: Sequence[str]
) -> Iterator[str]:
    labels = data.label_list
    for dimension in dimensions:
        grades = [
            entry.score
            for key, entry in gold.items()
            if key[1] == dimension and entry.score != NOT_APPLICABLE
        ]
        mine = [label for label in labels if label.dimension == dimension]
        people = {label.rater for label in mine if label.rater != ADJUDICATED_RATER}
        if len(people) < 2:
            yield f"{dimension}: one rater only; how well people agree cannot be told."
        if len(grades) < FEWEST_ITEMS:
            yield f"{dimension}: {len(grades)} applicable items; under {FEWEST_ITEMS} little shows."
        if grades and len(set(grades)) == 1:
            yield f"{dimension}: every gold score is {grades[0]}; nothing can be told apart."
        silent = Counter(not label.rationale.strip() for label in mine)[True]
        if silent:
            yield (
                f"{dimension}: {silent} of {len(mine)} labels have no rationale; guidelines are"
                " distilled from rationales."
            )
