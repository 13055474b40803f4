"""Finds what may be an answer in a model's text: JSON, broken JSON, a line that names the grade."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from memalign_bench.judging.spellings import (
    Contradiction,
    explained_choice,
    is_about_grade,
    matching_choice,
    spelling,
)

__all__ = [
    "OTHER_NAMES",
    "answers_without_json",
    "fields_of_broken_json",
    "is_json_object",
    "json_objects",
    "objects_with_fields",
    "parse_json",
    "without_thoughts",
]

_THOUGHT_TAGS = r"think|thinking|thought|reasoning|scratchpad|seed:think"
_THOUGHTS_BEGIN = re.compile(
    rf"\s*(<({_THOUGHT_TAGS})>|\[THINK\]|◁think▷|<\|channel\|>analysis|<\|begin_of_thought\|>)",
    re.IGNORECASE,
)
_THOUGHTS_END = re.compile(
    rf"</({_THOUGHT_TAGS})>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>"
    r"|<\|end_of_thought\|>",
    re.IGNORECASE,
)
"""Where the thoughts of open models begin and end: DeepSeek and Qwen, Mistral, Kimi, gpt-oss."""

OTHER_NAMES = {
    **{"grade": "score", "rating": "score", "answer": "score", "verdict": "score"},
    **{"reason": "rationale", "reasoning": "rationale"},
    **{"explanation": "rationale", "justification": "rationale"},
}
# A name in quotes of any kind, or bare behind a brace or comma, and its colon.
_KEY = re.compile(r"""["'\u201c]\s*([^\W\d]\w*)\s*["'\u201d]\s*:|(?<=[{,])\s*([^\W\d]\w*)\s*:""")
_MOST_WORDS = 4
"""Of a text that is told as a grade that cannot be read: "between 2 and 3", "not a 3"."""

_QUOTES = "\"'`\u201c\u201d"


def without_thoughts(text: str) -> str:
    """What stands after a model's thoughts; "" where they do not end.

    >>> without_thoughts('<think>A 1 or a 3?</think> {"score": 3}')
    ' {"score": 3}'
    """
    # Chat templates may hold the opening tag themselves: then only the closing one is answered.
    # Nothing is cut off once JSON has begun: a tag inside it is the answer's own.
    while not text.lstrip().startswith(("{", "```")):
        end = _THOUGHTS_END.search(text)
        if end is None:
            return "" if _THOUGHTS_BEGIN.match(text) else text
        text = text[end.end() :]
    return text


def is_json_object(text: str) -> bool:
    """Whether a text is one JSON object, and nothing besides."""
    return isinstance(parse_json(text), dict)


def parse_json(text: str) -> Any:
    """Text as JSON, also where it is JSON inside a JSON string; None where it is neither."""
    try:
        # Not strict: models put raw line breaks into strings.
        value = json.loads(text, strict=False, object_pairs_hook=_merge_repeated_keys)
        if isinstance(value, str) and value.lstrip().startswith("{"):  # JSON as a string of JSON
            return json.loads(value, strict=False, object_pairs_hook=_merge_repeated_keys)
    # RecursionError: brackets nested by the thousand.
    except (ValueError, RecursionError):
        return None
    return value


def _merge_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which a key given two values holds both, so that neither is taken."""
    merged: dict[str, Any] = {}
    for key, value in pairs:
        differs = key in merged and merged[key] != value
        merged[key] = Contradiction([merged[key], value]) if differs else value
    return merged


def json_objects(text: str) -> Iterator[Any]:
    """Every JSON object that stands in a text, outermost ones only."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_merge_repeated_keys)
    start, nothing_found = text.find("{"), True
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            # No JSON from here, but perhaps from a later brace: `{see below} {"score": 3}`.
            end = start + 1
        else:
            nothing_found = False
            yield value
        start = text.find("{", end)
    # No JSON at all.
    if nothing_found and (braces := re.search(r"\{.*\}", text, re.DOTALL)):
        try:  # Python's own way of writing the same
            value = ast.literal_eval(braces.group())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return
        if isinstance(value, dict):
            yield value


def fields_of_broken_json(text: str) -> dict[str, Any]:
    """Texts between the names of fields, where what stands in braces is not JSON.

    >>> fields_of_broken_json('{rationale: "It says "so".", "score": **3**,,}')
    {'rationale': 'It says "so".', 'score': '**3**'}
    """
    start, end = text.find("{"), text.rfind("}")
    if text.rfind("{") > end:  # it does not end; a number at the end might have gone on
        end = 0 if text[-1].isdigit() else len(text)
    keys = list(_KEY.finditer(text, start, end)) if start >= 0 else []
    pairs = []
    for key, following in itertools.zip_longest(keys, keys[1:]):
        value = text[key.end() : following.start() if following else end + 1].strip()
        if following is None:
            # Behind the object may stand more, braces too.
            close = rf"[{_QUOTES}][\s,;]*\}}" if value[:1] in _QUOTES else r"\}"
            value = re.split(close, value, maxsplit=1)[0]
        value = value.rstrip(" \t\r\n,;`")
        pairs.append((key[1] or key[2], value.strip(_QUOTES) if value[:1] in _QUOTES else value))
    return _merge_repeated_keys(pairs)


def objects_with_fields(
    value: Any, vital: Collection[str], schema: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Objects that hold the vital fields: by their names, or else by what models call them too."""
    other_names = {
        theirs: ours for theirs, ours in OTHER_NAMES.items() if theirs not in schema["properties"]
    }
    for_texts = {theirs: ours for theirs, ours in other_names.items() if ours not in vital}
    by_own_names = list(_named_objects(value, vital, for_texts))
    return by_own_names or list(_named_objects(value, vital, other_names))


def _named_objects(
    value: Any, vital: Collection[str], other_names: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Objects that hold the vital fields: this one, else those inside it (JSON in a string too)."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = parse_json(value)
    if isinstance(value, dict):
        by_name = _by_field_name(value, other_names)
        if all(name in by_name for name in vital):
            yield _with_inner_grade(by_name, vital, other_names)
            return
    entries = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    for entry in entries:
        yield from _named_objects(entry, vital, other_names)


def _by_field_name(value: Mapping[str, Any], other_names: Mapping[str, str]) -> dict[str, Any]:
    """An object's values by plain names: "Final score (1-3)" is the score."""
    plain = {
        key: "_".join(re.findall(r"\w+", re.sub(r"\(.*?\)", "", str(key)).casefold()))
        for key in value
    }
    plain = {key: re.sub("^(final|overall)_", "", name) for key, name in plain.items()}
    names = {
        # Where the field stands there under its own name, another is another field.
        key: other_names[name]
        if name in other_names and other_names[name] not in plain.values()
        else name
        for key, name in plain.items()
    }
    return _merge_repeated_keys([(names[key], entry) for key, entry in value.items()])


def _with_inner_grade(
    fields: dict[str, Any], vital: Collection[str], other_names: Mapping[str, str]
) -> dict[str, Any]:
    """Fields whose grade, where it is an object of its own, is taken out of that object."""
    for name in vital if len(vital) == 1 else ():
        if isinstance(fields[name], dict):
            inner = _by_field_name(fields[name], {"value": name, "grade": name, **other_names})
            if name in inner:
                return {**inner, **fields, name: inner[name]}
    return fields


def answers_without_json(
    text: str, schema: Mapping[str, Any], name: str, words: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Without JSON: a choice that follows the field's name, is boxed, or stands alone or last."""
    choices = schema["properties"][name].get("enum")
    if not choices:
        return
    # Marks of a code block, which may stand around a lone grade too.
    answer = re.sub(r"```\w*", "", text)
    named = rf"(?:{'|'.join([name, *(k for k, ours in OTHER_NAMES.items() if ours == name)])})"
    # Meets "**Final score:** 3", "- **Score**: 3", "> Grade = good", "## Score" above the grade.
    # \uff1a is the full-width colon of Chinese text.
    grade_line = (
        rf"^[\s*_#>`\"-]*(?:final |overall )?{named}(?: \(.*?\))?[\s*_`\"]*"
        r"(?:[:=\uff1a]\s*|\n\s*)(.+)$"
    )
    answers = re.findall(grade_line, answer, re.IGNORECASE | re.MULTILINE)
    answers += re.findall(rf"(?i)<{named}>(.*?)</", answer)
    answers += re.findall(r"\\boxed\{(?:\\text\{)?([^{}]*)\}", answer)
    answers = answers or _lone_answers(answer.strip(), choices, words)
    yield from ({name: answer_text.strip(" *_`")} for answer_text in answers)


def _lone_answers(text: str, choices: Sequence[Any], words: Mapping[str, str]) -> list[str]:
    """The text where it is a grade or tries to be one, or the sentences in it that are."""

    def is_grade(part: str, *, explained: bool = False) -> bool:
        return matching_choice(part, choices, words, explained=explained) is not None

    if is_grade(text) or explained_choice(text, choices, words, parting=r"\n"):
        return [text]
    sentences = re.split(r"(?<=[.!])\s+|\s*\n\s*", text)
    last_line = text.rpartition("\n")[2].lstrip("#> ")
    # Rationale first, then "Therefore, the score is 3."; another such sentence may contradict it,
    # and so does one that cannot be read.
    if is_about_grade(sentences[-1]):
        about_grade = list(filter(is_about_grade, sentences))
        return [part for part in about_grade if not is_grade(part)][:1] or about_grade
    # Or "3" on the last line, as a scale ends too that is repeated: its other grades differ.
    if is_grade(last_line):
        return [part for part in (*sentences, last_line) if is_grade(part, explained=True)]
    # A few words with a number are no grade, but meant as one.
    spelled = spelling(text)
    return [text] if re.search(r"\d", spelled) and len(spelled.split()) <= _MOST_WORDS else []
