"""A rationale that ends in another grade than the one given beside it.

"The tests leak into training, so the score is 1." beside a 3 is an answer that says two things.
Only sentences that give a verdict count, and only what they say plainly: a rationale is taken to
name a grade where all its verdicts name one and the same. Numbers that are no verdict (metrics,
counts, shares), grades that are denied, compared, quoted or supposed name none; nor does any
language but English.
"""

from __future__ import annotations

import re
from functools import lru_cache

from memalign_bench.scales import Grade, Scale

__all__ = ["contradicting_grade", "named_grade"]

# From 16 characters on, so that a grade in quotes (the rating is "good") stays.
_QUOTATION = re.compile(r"\"[^\"]{16,}\"|“[^”]{16,}”|`[^`]*`")
"""What is quoted at length, or is code, is somebody else's."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

_NOT_A_VERDICT = re.compile(
    r"\b(?:not|no|never|nor|neither|cannot|hardly|unless|if|whether|were it|had (?:it|the)|rather"
    r" than|instead|short of|below|above|between|at (?:least|most)|more than|less than|only when"
    r"|would (?:need|require|have|be)|could|should have|might|may|requires?|means|defined|rubric"
    r"|guidelines?|examples?|neighbours?|expert|raters?|other|previous|similar)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
"""What makes a sentence a denial, a supposition, a comparison, or talk of somebody else's grade."""

_ABOUT_A_METRIC = re.compile(
    r"\b(?:accuracy|auc|f1|r2|r²|precision|recall|rmse|mse|mae|log ?loss|silhouette|metrics?"
    r"|cross[- ]val\w*|cv|validation|test (?:set|data|score)|training (?:set|data|score)|fold"
    r"|baseline|model(?:'s)? score|classifier|regressor|credit|risk|z|importance|correlation"
    r"|columns?|feature|predict\w*|print\w*|returns?|outputs?)\b",
    re.IGNORECASE,
)
"""Where a sentence speaks of these, its "score" may be what a model reached."""

# Parts of a verdict: "the overall grade remains clearly 2" is _OWN, _NOUN, _IS and a grade.
_NOUN = r"(?P<noun>scores?|grade|rating|verdict|mark)"
_OWN = r"(?:the|my|this|its|overall|final|therefore|hence|so)"
_IS = (
    r"(?:\s+(?:is|of|remains|stays)(?:\s+(?:therefore|thus|hence|clearly))?|\s*[:=]"
    r"|\s+should\s+be|\s+must\s+be)"
)
# What is graded: "I rate the notebook as good".
_OBJECT = r"(?:\s+(?:it|this|the\s+\w+|them))?"
_GIVES = (
    r"\bI(?:\s+would|['\u2019]d|\s+will|\s+therefore|\s+thus)?\s+(?:give|grade|rate|score|assign)"
)


@lru_cache(maxsize=32)
def _verdict_patterns(scale: Scale) -> tuple[tuple[re.Pattern[str], ...], dict[str, Grade]]:
    """Patterns of verdicts, each with a group `grade`, and the grade that such a text means."""
    grade_of_text = {str(grade): grade for grade in scale.grades}
    words = {word.lower(): grade for grade, word in zip(scale.grades, scale.words, strict=True)}
    # A scale without words of its own has its numbers for words.
    grade_of_text |= {word: grade for word, grade in words.items() if not word.isdigit()}
    digits = "|".join(re.escape(str(grade)) for grade in scale.grades)
    # Of alternatives a regular expression takes the first that fits, so "very good" comes before
    # "very".
    by_length = sorted(
        (word for word in grade_of_text if not word.isdigit()), key=len, reverse=True
    )
    any_text = "|".join([*map(re.escape, by_length), digits])
    # Nothing may go on that makes another thing of the number: 3.5, 3 %, 1 to 2, 2 points, 3/4.
    top = scale.grades[-1]
    end = (
        rf"(?:\.0)?[\"'”*)]*(?:\s*/\s*{top}|\s+out\s+of\s+{top})?"
        r"(?=\s*(?:$|[.,;:!?)(](?!\d)|(?:because|since|as|for|due|given|here|overall)\b|[-\u2013\u2014]\s))"
    )
    quote = r"\s*(?:a|an)?\s*[\"'“*(]*"
    # "The score is good" is no verdict, "the rating is good" is: words count after the latter only.
    number, number_or_word = (
        rf"{quote}(?P<grade>{digits}){end}",
        rf"{quote}(?P<grade>{any_text}){end}",
    )
    subject = rf"(?:\b{_OWN}\s*|^\W*)(?:overall\s+|final\s+)?"
    verdicts = (
        rf"{subject}{_NOUN}{_IS}{number}",
        rf"{subject}(?P<noun>grade|rating|verdict){_IS}{number_or_word}",
        rf"{_GIVES}{_OBJECT}(?:\s+(?:a|the)?\s*(?:score|grade|rating)\s+of)?{number}",
        rf"{_GIVES}{_OBJECT}\s+as{number_or_word}",
        rf"\b(?:deserves|earns|merits|warrants|gets|receives)(?:\s+(?:a|the)?\s*(?:score|grade"
        rf"|rating)\s+of)?{number}",
    )
    return tuple(re.compile(verdict, re.IGNORECASE) for verdict in verdicts), grade_of_text


def named_grade(rationale: str, scale: Scale) -> Grade | None:
    """The grade that a rationale gives in words; None where it gives none, or several.

    >>> scale = Scale((1, 2, 3), ("bad", "average", "good"))
    >>> named_grade("It leaks, so the score is 1.", scale), named_grade("The F1 score is 1.", scale)
    (1, None)
    """
    patterns, grade_of_text = _verdict_patterns(scale)
    named = set()
    for sentence in _SENTENCE.split(_QUOTATION.sub(" ", rationale)):
        for pattern in patterns:
            for match in pattern.finditer(sentence):
                # What is denied or compared is judged by the sentence without the grade itself.
                around = sentence[: match.start("grade")] + sentence[match.end("grade") :]
                # Only "score" is also a metric's word.
                speaks_of_score = match.groupdict().get("noun", "").lower().startswith("score")
                if not _NOT_A_VERDICT.search(around) and not (
                    speaks_of_score and _ABOUT_A_METRIC.search(around)
                ):
                    named.add(grade_of_text[match["grade"].lower()])
    # Verdicts of two grades contradict each other, not the one beside them.
    return named.pop() if len(named) == 1 else None


def contradicting_grade(rationale: str | None, grade: Grade | None, scale: Scale) -> Grade | None:
    """The other grade that a rationale names as its verdict; None where it contradicts nothing.

    Args:
        rationale: The judge's words; None and "" contradict nothing.
        grade: The grade that it gave beside them; None where it gave none.
        scale: The grades.
    """
    if not rationale or grade is None:
        return None
    named = named_grade(rationale, scale)
    return named if named != grade else None
