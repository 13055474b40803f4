"""MLflow's prompts as the simulated judge reads them: of judges, distillations and optimisers.

A judge's prompt holds the instructions, then "Example Judgements (n):" with one Python dict a line,
then "Distilled Guidelines (n):" with one a line; the user's message is the item as JSON after
"inputs: " or "outputs: ". SIMBA writes its demonstrations before the instructions and its rules
after them. MLflow sets a full stop after the last line of all this. A distillation's prompt holds
records with id, result, rationale and the item, not escaped. SIMBA and GEPA ask for advice and new
instructions in DSPy's form: fields under headings "[[ ## name ## ]]".
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from memalign_bench.backends.base import Message
from memalign_bench.backends.simulated.prompt_reader import (
    Hint,
    LabelledText,
    Prompt,
    hint_of,
    words,
)

__all__ = ["answer_optimiser", "read_guest_prompt"]

_JUDGE = "You are an expert judge tasked with evaluating the performance of an AI"
_DISTILLATION = "You are helping improve an LLM judge with the following instructions:"
_ITEM = re.compile(r"^(?:inputs|outputs): ")
_EXAMPLE = re.compile(r"^  Example \d+: (\{.*\})\.?$", re.MULTILINE)
_GUIDELINES = re.compile(r"^Distilled Guidelines \((\d+)\):$", re.MULTILINE)
_DEMONSTRATION = re.compile(
    r"^Example \d+:\n(?:inputs|outputs): (.*?)\nresult: (.*?)\nrationale: (.*?)$",
    re.MULTILINE | re.DOTALL,
)
# Texts are not escaped and may look like a record's end: what follows a true one is the next
# record, or the words after the last.
_FEEDBACK_RECORD = re.compile(
    r'"id": (\d+),\s+"result": "(.*?)",\s+"rationale": "(.*?)",'
    r'\s+"(?:inputs|outputs)": "(.*?)",\s+\}(?=\s+\{\s+"id": |\s+Now, distill)',
    re.DOTALL,
)
# As `_advice` writes them.
_RULE = re.compile(r"^Grade \S+ when the text mentions .+$", re.MULTILINE)
_FIELD = re.compile(r"^\[\[ ## (\w+) ## \]\]\n(.*?)(?=^\[\[ ## |\Z)", re.MULTILINE | re.DOTALL)
_AS_JSON = "Respond with a JSON object"
_MIN_WORD_LENGTH = 4
"""Shorter words say too little to be named in advice."""

_ADDED = "\n\nJudge by what the text mentions."


def read_guest_prompt(messages: Sequence[Message]) -> Prompt | None:
    """The parts of a prompt of MLflow's; None for one that is not MLflow's."""
    if not messages:
        return None
    first, last = messages[0].content, messages[-1].content
    if first.startswith(_DISTILLATION):
        return Prompt("", (), (), tuple(_feedback(first)))
    if first.startswith(_JUDGE) and _ITEM.match(last):
        return Prompt(_item(last), tuple(_hints(first)), tuple(_examples(first)), ())
    return None


def _item(message: str) -> str:
    """The item of a judge's prompt."""
    text = _ITEM.sub("", message, count=1)
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _examples(system: str) -> list[LabelledText]:
    """Examples of a judge's prompt: SIMBA's demonstrations, and MemAlign's."""
    examples = [
        LabelledText(str(number), text, grade, rationale)
        for number, (text, grade, rationale) in enumerate(_DEMONSTRATION.findall(system), 1)
    ]
    for line in _EXAMPLE.findall(system):
        try:
            # MLflow prints examples as Python dicts.
            # ValueError where a value is no literal, SyntaxError where the dict is cut off.
            example = ast.literal_eval(line)
        except (ValueError, SyntaxError):
            continue
        text = str(example.get("inputs", example.get("outputs", "")))
        grade, why = (str(example.get(key, "")) for key in ("result", "rationale"))
        examples.append(LabelledText(str(len(examples) + 1), text, grade, why))
    return examples


def _hints(system: str) -> list[Hint]:
    """Guidelines of a judge's prompt: SIMBA's rules, and MemAlign's."""
    lines = [f"- {rule.rstrip('.')}." for rule in _RULE.findall(system)]
    # The last heading is MLflow's own, which stands after the judge's instructions.
    opening = list(_GUIDELINES.finditer(system))
    if opening:
        after = system[opening[-1].end() :].splitlines()
        # Between the heading and its lines stands what MLflow says of guidelines in general.
        guideline_lines = [line.strip() for line in after if line.startswith("  - ")]
        # The heading says how many there are: other lists may follow.
        guideline_lines = guideline_lines[: int(opening[-1].group(1))]
        # MLflow sets a full stop after the last line.
        lines += [*guideline_lines[:-1], *(line.removesuffix(".") for line in guideline_lines[-1:])]
    return [hint for line in lines if (hint := hint_of(line)) is not None]


def _feedback(prompt: str) -> list[LabelledText]:
    """The labelled items of a distillation's prompt."""
    return [
        LabelledText(key, text, grade, rationale)
        for key, grade, rationale, text in _FEEDBACK_RECORD.findall(prompt)
    ]


def answer_optimiser(messages: Sequence[Message]) -> str | None:
    """An answer to SIMBA's or GEPA's reflection, in the form asked for; None for another prompt.

    SIMBA shows the expert's grade and rationale: the advice names the words that rationale and item
    share. GEPA shows only whether an answer was right, from which nothing can be learnt by rule:
    its instructions come back as they were, with a sentence that decides nothing.
    """
    prompt = messages[-1].content if messages else ""
    fields = {name: text.strip() for name, text in _FIELD.findall(prompt)}
    # Both, since DSPy's Refine names its modules too.
    if "oracle_metadata" in fields and "module_names" in fields:
        advice = dict.fromkeys(_json(fields["module_names"], list), _advice(fields))
        return _in_requested_form(
            prompt, {"discussion": "The grades differ.", "module_advice": advice}
        )
    if "current_instruction" in fields:
        # GEPA hands back what it was given before: the sentence is not to be there twice.
        instruction = fields["current_instruction"].removesuffix(_ADDED.strip()).rstrip() + _ADDED
        return _in_requested_form(prompt, {"new_instruction": instruction})
    return None


def _advice(fields: Mapping[str, str]) -> str:
    """A rule from the words that an item and the expert's rationale share."""
    oracle = _json(fields["oracle_metadata"], dict)
    shared = words(str(oracle.get("rationale", ""))) & words(fields.get("program_inputs", ""))
    word_list = ", ".join(sorted(word for word in shared if len(word) >= _MIN_WORD_LENGTH))
    return f"Grade {oracle.get('result')} when the text mentions {word_list or 'nothing else'}."


def _json(text: str, kind: type) -> Any:
    """A JSON value of a kind, read from the beginning of a text; an empty one where there is none.

    The last field of a message runs on into what is asked.
    """
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return kind()
    return value if isinstance(value, kind) else kind()


def _in_requested_form(prompt: str, values: Mapping[str, Any]) -> str:
    """Values in the form that the prompt asks for: JSON, or DSPy's headings."""
    if _AS_JSON in prompt:
        return json.dumps(values, ensure_ascii=False)
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
    }
    parts = [f"[[ ## {name} ## ]]\n{text}" for name, text in texts.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])
