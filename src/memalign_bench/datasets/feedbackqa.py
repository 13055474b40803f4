"""FeedbackQA: answers of a retrieval system, graded and explained by people.

A sample of 250 question-answer pairs of the test split of FeedbackQA (Li, Sharma, Lu, Cheung and
Reddy, Findings of ACL 2022, arXiv 2204.03025), each graded by crowd workers on a scale of four.
The package holds no sentence of it: `feedbackqa_sample.csv` lists ids and hashes, by which the
same items are found in the authors' file on the Hugging Face hub or in a file of one's own.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from memalign_bench.datasets.dataset import LabelledDataset, check_labels
from memalign_bench.datasets.listed import Place, find_listed, read_list, text_digest
from memalign_bench.errors import DataError, first_line
from memalign_bench.notebooks.parse import without_surrogates
from memalign_bench.types import Item, Label, Rubric, Scale

__all__ = ["FeedbackQASource", "sample"]

DIMENSION = "answer_quality"


class _Pair(NamedTuple):
    """A question with its answer, as any of the known files holds it."""

    place: str
    question: str
    passage: str
    heading: str
    source: str
    ratings: Sequence[str]
    explanations: Sequence[str]


@cache
def sample() -> Mapping[str, Place]:
    """Digest of every question with its passage in the sample -> its item and case."""
    return read_list("feedbackqa")


@dataclass(frozen=True)
class FeedbackQASource:
    """The sample, from the hub or from a file; its texts never leave the call store.

    Attributes:
        name: Name of the YAML choice.
        path: A file: the sample as JSON lines (item_id, case_id, question, passage, ratings,
            explanations), or the authors' JSON. None fetches the authors' file from the hub.
        repo: Data set on the Hugging Face hub.
        revision: Its pinned commit.
        file: The file in it.
        notice: What every reader of its numbers must know.
    """

    name: str
    path: str | None = None
    repo: str = ""
    revision: str = ""
    file: str = ""
    notice: str = ""

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read the file and take the sample out of it.

        Raises:
            DataError: If the file cannot be had or read, a pair of the sample is not in it, or a
                rating is not on the rubric's scale; all problems at once.
        """
        path = Path(self.path).expanduser() if self.path else self._fetch_file()
        pairs, problems = _read_pairs(path)
        # Found by their hashes, as the package holds no sentence of the sample.
        digests = ((text_digest(pair.question, pair.passage), pair) for pair in pairs)
        pair_of_place, missing = find_listed(sample(), digests)
        problems += missing
        labels: list[Label] = []
        places: list[str] = []
        for place, pair in pair_of_place.items():
            pair_labels, rating_problems = _labels_of_pair(place.item_id, pair, rubric.scale)
            labels += pair_labels
            # `check_labels` takes a place for each label.
            places += [pair.place] * len(pair_labels)
            problems += rating_problems
        if problems:
            raise DataError(path.name, problems)
        items = [_item(place, pair) for place, pair in pair_of_place.items()]
        check_labels(path.name, items, labels, rubric, places)
        return LabelledDataset.of(
            self.name, items, labels, notice=self._notice(pair_of_place.values()), texts="private"
        )

    def _notice(self, pairs: Iterable[_Pair]) -> str:
        """The notice, with how many items have how many raters."""
        counts = Counter(len(pair.ratings) for pair in pairs)
        raters = ", ".join(
            f"{n} items with {raters} raters" for raters, n in sorted(counts.items())
        )
        return f"{self.notice} {raters}.".strip()

    def _fetch_file(self) -> Path:
        """The authors' file in the hub's own cache, fetched at the pinned revision."""
        from huggingface_hub import hf_hub_download

        # The hub raises errors of its own, of httpx and of the operating system.
        try:
            path = hf_hub_download(
                self.repo,
                self.file,
                repo_type="dataset",
                revision=self.revision,
                # The library's own default was read when it was imported.
                endpoint=os.environ.get("HF_ENDPOINT"),
            )
        except Exception as error:
            cause = first_line(error)
            where = f"{self.repo} at {self.revision[:12]}"
            raise DataError(
                where,
                [
                    f"{self.file} could not be fetched ({type(error).__name__}: {cause});"
                    " name a copy of it, or of the sample, with dataset.path=FILE."
                ],
            ) from error
        return Path(path)


def _read_pairs(path: Path) -> tuple[list[_Pair], list[str]]:
    """Every pair of a file, and the problems of its rows."""
    try:
        # utf-8-sig: a byte order mark is no part of the text.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(str(path), [f"cannot be read ({type(error).__name__})."]) from error
    try:
        # The authors' file is one list, the sample's has a row a line.
        rows = json.loads(text) if text.lstrip().startswith("[") else _json_lines(text)
    except (ValueError, RecursionError) as error:
        raise DataError(path.name, [f"not JSON ({error})."]) from error
    pairs, problems = [], []
    for number, row in enumerate(rows, 1):
        place = f"{path.name}, row {number}"
        try:
            pairs.append(_pair(place, row))
        except (KeyError, TypeError, AttributeError) as error:
            problems.append(f"{place}: {type(error).__name__}: {error}.")
    return pairs, problems


def _json_lines(text: str) -> list[Any]:
    """The rows of JSON lines."""
    # Not `splitlines`, which also cuts at signs that texts in JSON may hold (U+2028).
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _pair(place: str, row: Mapping[str, Any]) -> _Pair:
    """A row of the sample's file or of the authors' file, which nests the passage."""
    # The authors': {"passage": {"reference": {...}, "source": ...}, "rating": [...], ...}.
    passage = row["passage"]
    reference = passage["reference"] if isinstance(passage, Mapping) else row
    is_flat = isinstance(passage, str)
    headers = [reference.get("page_title") or "", *(reference.get("section_headers") or ())]
    pair = _Pair(
        place,
        row["question"],
        passage if is_flat else reference["section_content"],
        " > ".join(header for header in headers if header),
        str(row.get("source", "") if is_flat else passage.get("source", "")),
        row["ratings"] if is_flat else row["rating"],
        row["explanations"] if is_flat else row["feedback"],
    )
    # Other types would fail later, without the row's place.
    for value in (pair.question, pair.passage, *pair.ratings, *pair.explanations):
        if not isinstance(value, str):
            raise TypeError(f"a text was expected, got {type(value).__name__}")
    return pair


def _item(place: Place, pair: _Pair) -> Item:
    """The item of a pair: the question as the request, the passage as what is judged."""
    return Item(
        place.item_id,
        place.case_id,
        prompt=without_surrogates(pair.question),
        context=without_surrogates(pair.heading),
        kind="text",
        content=without_surrogates(pair.passage),
        stratum=pair.source,
    )


def _labels_of_pair(item_id: str, pair: _Pair, scale: Scale) -> tuple[list[Label], list[str]]:
    """One label a rating; raters are known by position only, which is no person."""
    grade_of = dict(zip((word.lower() for word in scale.words), scale.grades, strict=True))
    problems = [
        f"{pair.place}: rating {rating!r} is none of {', '.join(scale.words)}."
        for rating in pair.ratings
        if rating.lower() not in grade_of
    ]
    if len(pair.ratings) != len(pair.explanations):
        problems.append(
            f"{pair.place}: {len(pair.ratings)} ratings, {len(pair.explanations)} explanations."
        )
    if problems:
        return [], problems
    answers = zip(pair.ratings, pair.explanations, strict=True)
    labels = [
        Label(
            item_id,
            DIMENSION,
            f"position_{position}",
            grade_of[rating.lower()],
            without_surrogates(explanation),
        )
        for position, (rating, explanation) in enumerate(answers, 1)
    ]
    return labels, []
