"""SAF: students' short answers, graded and explained by people.

A sample of 262 answers to 21 questions on communication networks, from the English part of SAF
(Filighera, Parihar, Steuer, Meuser and Ochs, ACL 2022, doi 10.18653/v1/2022.acl-long.587, MIT). The
grader compared each answer with a reference answer, so a judge is shown it too. The package holds
no sentence of it: `saf_sample.csv` lists ids and hashes, by which the same answers are found in a
file of one's own.

Nothing is fetched. The authors' files are on GitHub (`SebOchs/SAF`); a later version is on the
Hugging Face hub (`Short-Answer-Feedback/saf_communication_networks_english`), but whether any
commit of it still holds these very texts has not been checked, so none is pinned here.

Three smaller samples for slow judges are drawn from it; texts have no part in the draw.

- `broad`: one answer of each verdict of every question, at most three a question. Not for splits by
  answer: whatever memory holds of a question then carries another grade than the answer judged.
- `deep`: two answers of each verdict, of half of the questions (11), so that a question's answers
  have equals. Still one like it against four unlike it: the nearest labels alone rank backwards.
- `whole`: every answer of a quarter of the questions (6), whose verdicts stand as the sample has
  them: for splits by answer, where nearness should neither be helped nor be made to mislead.

A generator seeded with (0, "saf", question, grade) draws from a question's answers with a verdict,
in the order of ids; one seeded with (0, "saf", "questions") draws the questions of `deep`, of which
the first are those of `whole`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from memalign_bench.datasets.dataset import LabelledDataset, check_labels
from memalign_bench.datasets.listed import Place, find_listed, read_list, text_digest
from memalign_bench.datasets.tabular.tables import Row, read_table
from memalign_bench.errors import DataError, RequestError
from memalign_bench.notebooks.parse import without_surrogates
from memalign_bench.seeding import generator
from memalign_bench.types import Grade, Item, Label, Rubric, Scale

__all__ = ["SAFSource", "answer_digest", "drawn_answers", "listed_answers"]

DIMENSION = "answer_correctness"
RATER = "grader"
FIELDS = ("question", "reference", "answer", "verification", "feedback")
CASES = {
    "question": "No answer to a judged question is in memory.",
    "answer": "Other answers to a judged question may be in memory, with their grades.",
}
SAMPLES = ("all", "broad", "deep", "whole")
MISLEADING_BY_ANSWER = {
    "broad": "In the broad sample no two answers to a question have the same grade",
    "deep": "In the deep sample two of a question's answers have each grade, one like the judged"
    " answer against four unlike it",
}


class _GradedAnswer(NamedTuple):
    """An answer with its grade and the grader's feedback."""

    place: str
    question: str
    reference: str
    answer: str
    grade: Grade
    feedback: str


def answer_digest(row: Mapping[str, str]) -> str:
    """Digest of a row of the file: its texts and its verdict, so that neither changes unnoticed."""
    question, reference, answer, verdict, feedback = (row[name] for name in FIELDS)
    # Files differ in the letter case of the verdict.
    return text_digest(question, reference, answer, verdict.casefold(), feedback)


@cache
def listed_answers() -> Mapping[str, Place]:
    """Digest of every answer in the sample -> its item, and its question as the case."""
    return read_list("saf")


def drawn_answers(
    grades: Mapping[Place, Grade], sample: Literal["broad", "deep", "whole"]
) -> set[Place]:
    """The answers of a smaller sample, by the rule in this module's docstring."""
    n_per_verdict, questions = 1, sorted({place.case_id for place in grades})
    if sample != "broad":
        # One order for both samples, so that the questions of `whole` are among those of `deep`.
        order = generator(0, "saf", "questions").permutation(len(questions))
        share = 2 if sample == "deep" else 4
        # For `whole` more than any question has: it takes all of their answers.
        n_per_verdict = 2 if sample == "deep" else len(grades)
        # Rounded up: 11 of 21 questions, or 6.
        questions = [questions[index] for index in order[: -(-len(questions) // share)]]
    places_by_verdict: dict[tuple[str, Grade], list[Place]] = {}
    # In the order of ids, on which the draw depends.
    for place, grade in sorted(grades.items()):
        if place.case_id in questions:
            places_by_verdict.setdefault((place.case_id, grade), []).append(place)
    return {
        places[index]
        for (question, grade), places in places_by_verdict.items()
        for index in generator(0, "saf", question, grade).permutation(len(places))[:n_per_verdict]
    }


@dataclass(frozen=True)
class SAFSource:
    """The sample, from a file; its texts never leave the call store.

    Attributes:
        name: Name of the YAML choice.
        path: A table (csv, JSON lines, Parquet) that holds the sample, and may hold more: question,
            reference, answer, verification, feedback; ids come from the package's list.
        case: What is kept on one side of a fold. `question`: all answers to a question, so that
            memory must carry over to questions it has not seen. `answer`: each answer by itself,
            balanced over questions, so that memory has seen others to the same question.
        sample: `all`; `broad`, `deep` or `whole`, for judges too slow for all.
        notice: What every reader of its numbers must know.
    """

    name: str
    path: str | None = None
    case: Literal["question", "answer"] = "question"
    sample: Literal["all", "broad", "deep", "whole"] = "all"
    notice: str = ""

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Read the file and take the sample out of it.

        Raises:
            RequestError: If no file is named, or `case` or `sample` is no choice.
            DataError: If the file cannot be read, a row of it is not as it should be, or an answer
                of the sample is not in it; all problems at once.
        """
        path = self._checked_path()
        table = read_table(path)
        answers, problems = [], list(table.problems)
        for row in table.rows:
            faults = _row_faults(row.values, rubric.scale)
            problems += [f"{row.place}: {fault}" for fault in faults]
            if not faults:
                answers.append((answer_digest(row.values), _graded_answer(row, rubric.scale)))
        answer_of_place, missing = find_listed(listed_answers(), answers)
        if problems or missing:
            raise DataError(path.name, [*problems, *missing])
        if self.sample != "all":
            grades = {place: graded.grade for place, graded in answer_of_place.items()}
            # The grades are those of the list: each is part of its answer's digest.
            drawn = drawn_answers(grades, self.sample)
            answer_of_place = {
                place: graded for place, graded in answer_of_place.items() if place in drawn
            }
        return self._dataset(path.name, answer_of_place, rubric)

    def _checked_path(self) -> Path:
        """The file to read; refuses settings that are no choice."""
        problems = []
        if self.case not in CASES:
            problems.append(f"dataset.case={self.case!r} is not one of {', '.join(CASES)}.")
        if self.sample not in SAMPLES:
            problems.append(f"dataset.sample={self.sample!r} is not one of {', '.join(SAMPLES)}.")
        if not self.path:
            problems.append(
                "dataset.path=None, and SAF is not fetched: name a file with dataset.path=FILE. Its"
                f" rows hold {', '.join(FIELDS)}; the authors' files are at github.com/SebOchs/SAF"
                " (no commit of the hub's later version is known to hold the same texts)."
            )
        if problems:
            raise RequestError("\n  ".join(problems))
        return Path(str(self.path)).expanduser()

    def _dataset(
        self, where: str, answer_of_place: Mapping[Place, _GradedAnswer], rubric: Rubric
    ) -> LabelledDataset:
        """Items and labels of the answers found, with a notice on what the sample can show."""
        items = [self._item(place, graded) for place, graded in answer_of_place.items()]
        labels = [
            Label(place.item_id, DIMENSION, RATER, graded.grade, graded.feedback)
            for place, graded in answer_of_place.items()
        ]
        check_labels(
            where, items, labels, rubric, [graded.place for graded in answer_of_place.values()]
        )
        counts = Counter(graded.grade for graded in answer_of_place.values())
        words = zip(rubric.scale.grades, rubric.scale.words, strict=True)
        graded_as = ", ".join(f"{counts[grade]} {word}" for grade, word in words)
        sentences = [self.notice, f"{len(items)} answers: {graded_as}.", CASES[self.case]]
        if self.case == "answer" and self.sample in MISLEADING_BY_ANSWER:
            reason = MISLEADING_BY_ANSWER[self.sample]
            sentences.append(f"{reason}: the nearest examples are expected to mislead.")
        notice = " ".join(sentences).strip()
        return LabelledDataset.of(self.name, items, labels, notice=notice, texts="private")

    def _item(self, place: Place, graded: _GradedAnswer) -> Item:
        by_answer = self.case == "answer"
        return Item(
            place.item_id,
            place.item_id if by_answer else place.case_id,
            prompt=graded.question,
            context=graded.reference,
            kind="text",
            content=graded.answer,
            # Where answers are dealt, folds are balanced over questions.
            stratum=place.case_id if by_answer else "",
        )


def _row_faults(row: Mapping[str, Any], scale: Scale) -> list[str]:
    """What is wrong with a row of the file."""
    faults = [
        f"{name} must be a text that says something, got {type(row.get(name)).__name__}."
        for name in FIELDS
        if not isinstance(row.get(name), str) or not row[name].strip()
    ]
    verdict = row.get("verification")
    if isinstance(verdict, str) and verdict.strip() and verdict.casefold() not in scale.words:
        faults.append(f"verification {verdict!r} is none of {', '.join(scale.words)}.")
    return faults


def _graded_answer(row: Row, scale: Scale) -> _GradedAnswer:
    """A valid row as a graded answer."""
    # JSON can escape a lone surrogate, which no file in UTF-8 can hold.
    texts = {name: without_surrogates(row.values[name]) for name in FIELDS}
    return _GradedAnswer(
        row.place,
        texts["question"],
        texts["reference"],
        texts["answer"],
        scale.grades[scale.words.index(texts["verification"].casefold())],
        texts["feedback"],
    )
