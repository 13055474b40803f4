"""MLflow's and DSPy's prompts, as they write them, read by the simulated judge."""

import json

import jinja2
import pytest

from memalign_bench.backends.base import ChatRequest, Message
from memalign_bench.backends.simulated.mlflow_prompts import answer_optimiser, read_guest_prompt
from memalign_bench.backends.simulated.scripted_judge import Scripted, SimulatedJudge

WRAPPER = "You are an expert judge tasked with evaluating the performance of an AI\nagent.\n\n"
EXAMPLE = {"result": "1", "rationale": 'It\'s "odd".', "inputs": "first\nsecond {'a': 1}"}
JUDGED = (
    f"{WRAPPER}Your task: Grade it. {{{{ inputs }}}}\n\n\nExample Judgements (1):\nSome example"
    f" judgements.\n  Example 1: {EXAMPLE}\n\n\nDistilled Guidelines (2):\nGeneral guidelines.\n"
    "  - Grade 3 when the text mentions silk.\n  - Be kind..\n\n  - not a guideline"
)


def read(system, item):
    return read_guest_prompt([Message("system", system), Message("user", item)])


def test_a_judges_prompt():
    prompt = read(JUDGED, 'inputs: "a \\"note\\"\\non silk"')
    assert prompt.item == 'a "note"\non silk'
    (example,) = prompt.examples
    assert (example.text, example.grade, example.rationale) == (
        EXAMPLE["inputs"],
        "1",
        EXAMPLE["rationale"],
    )
    assert [(hint.text, hint.grade) for hint in prompt.guidelines] == [
        ("Grade 3 when the text mentions silk.", "3"),
        ("Be kind.", None),
    ]
    without = JUDGED[: JUDGED.index("\n\n\nDistilled")]
    alone = read(f"{without}.\n\nAnswer as JSON.", 'inputs: "x"')
    assert (alone.examples, alone.guidelines) == (prompt.examples, ())
    assert read(JUDGED, 'outputs: {"a": 1}').item == '{"a": 1}'
    assert read("# Task", "inputs: 1") is None


def test_demonstrations_and_rules_of_simba():
    system = (
        f"{WRAPPER}Your task: Here are some examples of good assessments:\n\nExample 1:\n"
        "inputs: a\nb\nresult: 2\nrationale: so so\n\nGrade it.\n\n"
        "Grade 1 when the text mentions jute."
    )
    prompt = read(system, 'inputs: "x"')
    assert [(e.text, e.grade, e.rationale) for e in prompt.examples] == [("a\nb", "2", "so so")]
    assert [hint.grade for hint in prompt.guidelines] == ["1"]


@pytest.mark.slow
def test_a_distillation_in_mlflows_own_template():
    from mlflow.genai.judges.optimizers.memalign.prompts import DISTILLATION_PROMPT_TEMPLATE

    records = [
        {"result": "1", "rationale": 'He said "no".', "inputs": 'a\n{\n  "id": 7,\n}\nb'},
        {"result": "3", "rationale": "", "inputs": "c"},
    ]
    text = jinja2.Template(DISTILLATION_PROMPT_TEMPLATE).render(
        judge_instructions="Grade.",
        feedback_records=records,
        ids=[0, 1],
        existing_guidelines=["x"],
        zip=zip,
    )
    prompt = read_guest_prompt([Message("user", text)])
    assert [(e.key, e.text, e.grade, e.rationale) for e in prompt.feedback] == [
        ("0", records[0]["inputs"], "1", 'He said "no".'),
        ("1", "c", "3", ""),
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_reflections_are_answered_in_the_form_asked_for(as_json):
    form = "Respond with a JSON object: `x`." if as_json else "Respond with the fields."
    fields = {
        "program_inputs": '{"inputs": "the jute sack"}',
        "oracle_metadata": '{"result": "1", "rationale": "The jute decides it."}',
        "module_names": '["self"]',
    }
    body = "\n\n".join(f"[[ ## {name} ## ]]\n{text}" for name, text in fields.items())
    answer = answer_optimiser([Message("user", f"{body}\n\n{form}")])
    advice = {"self": "Grade 1 when the text mentions jute."}
    if as_json:
        assert json.loads(answer)["module_advice"] == advice
    else:
        assert f"[[ ## module_advice ## ]]\n{json.dumps(advice)}\n\n[[ ## completed" in answer
    again = answer_optimiser(
        [Message("user", f"[[ ## current_instruction ## ]]\nGrade.\n\n{form}")]
    )
    assert "Grade." in again
    assert answer_optimiser([Message("user", "anything")]) is None


def test_the_simulated_judge_follows_memory_in_mlflows_prompt():
    schema = {"type": "object", "properties": {"result": {"enum": ["3", "2", "1"]}}}
    judge = SimulatedJudge(Scripted(effect=1.0))
    for item, grade in (("inputs: \"first second {'a': 1}\"", "1"), ('inputs: "silk"', "3")):
        messages = (Message("system", JUDGED), Message("user", item))
        answer = judge.chat(ChatRequest(messages, 50, schema=schema))
        assert json.loads(answer.text) == {"result": grade}
