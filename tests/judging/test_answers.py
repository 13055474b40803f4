"""Answers in the spellings that servers give them in, from the command line to the records."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_text import any_text
from tests.backends.loopback import Provider, serving

from memalign_bench.cli import main
from memalign_bench.judging.answers import read_answer
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.scoring import grade_spellings, verdict_schema
from memalign_bench.judging.structured import validator_of
from memalign_bench.types import NOT_APPLICABLE, Scale

SCALE = Scale((1, 2, 3), ("bad", "average", "good"), 0)
TEXTS = ("3", "2", "1")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def judged(served, *words):
    """Exit code of a run against a served model, its rows by item, and its raw answers by item."""
    place = ["backend=openai_compatible", "backend.model=m", f"backend.base_url={served.base_url}"]
    usual = ["dataset=planted", "limit=8", "alignment=none", "study=s", "tracker=none"]
    code = main(["run", *usual, *place, "backend.tries=2", "call_store=calls.sqlite", *words])
    (folder,) = Path("results/s/runs").iterdir()
    rows = {
        row["item_id"]: row for row in pq.read_table(folder / "predictions.parquet").to_pylist()
    }
    path = folder / "answers.parquet"
    raw = pq.read_table(path).to_pylist() if path.is_file() else []
    return code, rows, {row["item_id"]: row for row in raw}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Grades by item, where every answer is as asked for."""
    with pytest.MonkeyPatch.context() as patch, serving(Provider()) as served:
        patch.chdir(tmp_path_factory.mktemp("plain"))
        code, rows, raw = judged(served)
    assert (code, raw) == (0, {}), "an answer as asked for leaves no file behind"
    return {name: row["judge_score"] for name, row in rows.items()}


def said(change):
    """An answer whose fields are changed, as JSON."""
    return lambda text: json.dumps(change(json.loads(text)))


def called(text):
    call = {"id": "t", "type": "function", "function": {"name": "answer", "arguments": text}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


ONE = '{"rationale": "So.", "score": 1}'
WORD = {"1": "bad", "2": "average", "3": "good"}
READ = {
    "number": said(lambda one: one | {"score": int(one["score"])}),
    "float": said(lambda one: one | {"score": float(one["score"])}),
    "decimal": said(lambda one: one | {"score": f"{one['score']}.0"}),
    "word": said(lambda one: one | {"score": WORD[one["score"]].title()}),
    "both": said(lambda one: one | {"score": f"{one['score']} ({WORD[one['score']]})"}),
    "list of one": said(lambda one: one | {"score": [int(one["score"])]}),
    "dot": said(lambda one: one | {"score": f"{one['score']}. {WORD[one['score']]}"}),
    "named": said(lambda one: one | {"score": f"Score: **{one['score']}**"}),
    "of the top": said(lambda one: one | {"score": f"{one['score']} out of 3"}),
    "number word": said(
        lambda one: one | {"score": ["one", "two", "three"][int(one["score"]) - 1]}
    ),
    "within a text": lambda text: json.dumps({"name": "answer", "arguments": text}),
    "fence": lambda text: f"```json\n{text}\n```",
    "prose": lambda text: f"Sure! Here is my verdict:\n\n{text}\n\nLet me know.",
    "think": lambda text: f'<think>Maybe {{"score": 1}}, or {{"score": 3}}.</think>\n{text}',
    "unopened thought": lambda text: f'It may be {{"score": "2"}}.\n</think>\n\n{text}',
    "mistral": lambda text: f'[THINK]Or {{"score": 1}}?[/THINK]{text}',
    "extra": said(lambda one: {"confidence": 0.5, **one, "pass": True}),
    "nested": said(lambda one: {"verdict": one}),
    "list": said(lambda one: [one]),
    "twice": lambda text: text + text,
    "other names": said(lambda one: {"Explanation": one["rationale"], "Grade": one["score"]}),
    "capitals": said(lambda one: {key.title(): value for key, value in one.items()}),
    "python": lambda text: str(json.loads(text)),
    "newline": lambda text: text.replace('"rationale": "', '"rationale": "First,\n'),
    "long": said(lambda one: one | {"rationale": "So. " * 300}),
    "parts": lambda text: {"role": "assistant", "content": [{"type": "text", "text": text}]},
    "tool call": called,
    "tool call with an object": lambda text: called(json.loads(text)) | {"content": ""},
}


READ_TOO = {
    "title": said(lambda one: {"rationale": "So.", "Final Score (1-3)": one["score"]}),
    "of": said(lambda one: one | {"score": f"{one['score']}/3"}),
    "object": said(lambda one: one | {"score": {"value": int(one["score"]), "of": 3}}),
    "explained": said(lambda one: one | {"score": f"{one['score']} - as it says why"}),
    "quotes": lambda text: text.replace('"rationale": "', '"rationale": "It says "so", '),
    "no quotes": lambda text: text.replace('"', "").replace("}", ",,}"),
    "curly": lambda text: re.sub('"(.*?)"', "\u201c\\1\u201d", text),
    "final": lambda text: f"Draft: {ONE}\nDraft: {ONE.replace('1', '3')}\nFinal answer:\n{text}",
}


@pytest.mark.parametrize("reworded", READ_TOO.values(), ids=READ_TOO.keys())
def test_broken_json_and_other_names_are_read_where_one_grade_is_meant(reworded):
    text = reworded('{"rationale": "So it is.", "score": "2"}')
    reading = read_answer(text, VALIDATOR, vital=("score",), words=WORDS)
    assert reading.values["score"] == "2"
    assert re.fullmatch('(It says "so", )?So( it is)?[.]', reading.values["rationale"])
    assert reading.told


@pytest.mark.parametrize("reworded", READ.values(), ids=READ.keys())
def test_a_grade_that_can_mean_one_thing_only_is_taken(plain, reworded):
    with serving(Provider(reworded=reworded)) as served:
        code, rows, raw = judged(served)
    assert code == 0
    assert {name: row["judge_score"] for name, row in rows.items()} == plain
    assert len(served.requests) == len(plain), "nothing was asked twice"
    for row in raw.values():
        assert row["told"]
        assert len(row["answers"]) == 1


def test_the_answer_as_it_came_is_kept_and_survives_another_sitting(plain):
    with serving(Provider(reworded=READ["think"])) as served:
        _, _, raw = judged(served)
        assert raw.keys() == plain.keys()
        assert all("<think>" in row["answers"][0] for row in raw.values())
        (folder,) = Path("results/s/runs").iterdir()
        held = (folder / "answers.parquet").read_bytes()
        assert judged(served)[2] == raw
        (folder / "predictions.parquet").unlink()
        judged(served)
        assert (folder / "answers.parquet").read_bytes() == held
        assert len(served.requests) == len(plain)


UNREAD = {
    "half": (said(lambda one: one | {"score": 2.5}), '"score" is 2.5, not one of "3", "2", "1"'),
    "off": (said(lambda one: one | {"score": 7}), '"score" is 7, not one of'),
    "of": (said(lambda one: one | {"score": "2/5"}), '"score" is "2/5", not one of'),
    "true": (said(lambda one: one | {"score": True}), '"score" is true, not one of'),
    "null": (said(lambda one: one | {"score": None}), '"score" is null, not one of'),
    "range": (said(lambda one: one | {"score": "1 or 2"}), '"score" names several of "3", "2"'),
    "wrong word": (said(lambda one: one | {"score": "3 (bad)"}), '"score" is "3 (bad)"|no one of'),
    "no score": (said(lambda one: {"rationale": "So."}), 'lacks the fields asked for .*"score"'),
    "two": (lambda text: f'A {ONE} or a {ONE.replace("1", "3")}', "it holds 2 answers that differ"),
    "two keys": (lambda text: '{"rationale": "a", "score": 3, "SCORE": 1}', "given several times"),
    "two names": (lambda text: '{"rationale": "a", "score": 3, "grade": 1}', 'grade" differ'),
    "of another": (said(lambda one: one | {"score": "2 out of 5"}), "names no one of them"),
    "two of a list": (said(lambda one: one | {"score": [2, 3]}), '"score" is a list'),
    "two in one": (lambda text: '{"rationale": "a", "score": "1", "score": "3"}', "several times"),
    "broken twice": (lambda text: '{"rationale": "a, "score": 1,", "score": 3}', "several times"),
    "cut": (lambda text: '{"rationale": "It is poor.\nScore: 1\n", "score": 3', "does not end"),
    "prose": (lambda text: "I would call it good.", "it is not JSON with the fields asked for"),
    "unended": (lambda text: f"<think>Perhaps {text}", "reasoning that does not end"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREAD)
def test_any_other_answer_fails_for_its_true_reason_which_is_the_advice_too(kind, capsys):
    reworded, reason = UNREAD[kind]
    with serving(Provider(reworded=reworded)) as served:
        code, rows, raw = judged(served)
    assert code == 1
    assert {row["judge_score"] for row in rows.values()} == {None}
    for row in rows.values():
        assert re.search(reason, row["error"])
    advice = [body["messages"][-1]["content"] for _, body, _ in served.requests]
    assert sum(bool(re.search(reason, text)) for text in advice) == len(rows)
    assert all(len(row["answers"]) == 2 for row in raw.values())


def test_a_grade_without_its_rationale_is_asked_for_again_and_then_taken(plain):
    with serving(Provider(reworded=said(lambda one: {"score": int(one["score"])}))) as served:
        code, rows, raw = judged(served)
    assert code == 0
    assert {row["status"] for row in rows.values()} == {"scored"}
    assert len(served.requests) == 2 * len(plain)
    advice = served.requests[-1][1]["messages"][-1]["content"]
    assert '"rationale" is missing' in advice
    assert all("without its rationale" in row["told"] for row in raw.values())


@pytest.mark.parametrize(
    "line",
    ["Score: **{}**", "Because.\n\n**Final score:** {}", "# Grade: {} (good)", "```json\n{}\n```",
     "Score: {}\nRationale: 1 of 3 tables was bad.", "Score\uff1a{} out of 3", "## Score\n\n{}",
     "Rating: {}/3", "<score>{}</score>", "So it is $\\boxed{{{}}}$.", "Final answer: {}",
     "{}\n\nIt says why.", "Score: {} because it says why.", "I give it a score of {}.",
     "I\u2019d rate the note {} out of 3.", "It deserves a {}!", "**{}**", "({})", "{} points.",
     "It uses 5 folds. Therefore, the final grade is **{}**.", "It uses 5 folds.\n\n### {}",
     "Grade - {} (good)", "My rating would be {}.", "{}\ufe0f\u20e3",
     "1. Tested.\n2. Tuned.\nScore {}"],
)  # fmt: skip
def test_a_grade_on_a_line_of_its_own_needs_no_json(line):
    reading = read_answer(line.format(3), VALIDATOR, vital=("score",), words=WORDS, lenient=True)
    assert reading.values == {"rationale": "", "score": "3"}


@pytest.mark.parametrize(
    ("text", "grade"),
    [("\u2462", "3"), ("Score: \u2461", "2"), ("\u2605\u2605\u2605", "3"), ("Three.", "3"),
     ("Rating: \u2b50 \u2b50", "2"), ("Grade: \u2605\u2605\u2606 - why", "2"), ("3 stars", "3"),
     ("Two stars out of three", "2"), ("I would rate this as average.", "2"),
     ("It says why.\n\nGood", "3")],
)  # fmt: skip
def test_a_grade_may_be_circled_or_counted_in_stars_or_written_out(text, grade):
    reading = read_answer(text, VALIDATOR, vital=("score",), words=WORDS, lenient=True)
    assert reading.values == {"rationale": "", "score": grade}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("between 2 and 3", '"score" names several of'),
        ("I give it a 2 or a 3.", '"score" names several of'),
        ("3/10", '"score" is "3/10", not one of'),
        ("2.5", '"score" is "2.5", not one of'),
        ("not a 3", '"score" is a text that names no one of them'),
        ("I give it almost 3.", '"score" is a text that names no one of them'),
        ("It is tested. I give it 3 of 5 stars.", '"score" is a text that names no one of them'),
        ("\u2605\u2605\u2605\u2606\u2606", '"score" is a text that names no one of them'),
        ("\u2460\u2461", '"score" is a text that names no one of them'),
        ("2\u00b2", '"score" is a text that names no one of them'),
        ("The score is 2. I give it a 3.", "it holds 2 answers that differ"),
        ("The score is 2.5. I give it a 3.", '"score" is a text that names no one of them'),
        ("1 - untested\n2 - partly\n3 - good", "it holds 3 answers that differ"),
        ("It is item no. 3", "it is not JSON with the fields asked for"),
        ("It would need tests for a 3.", "it is not JSON with the fields asked for"),
        ("I would not give it a 3.", "it is not JSON with the fields asked for"),
        ("Score: 3\nScore: 1", "it holds 2 answers that differ"),
        ("It is fine.\n**Score:** 2-3", '"score" names several of'),
        ("Score: 3 - or rather a two", '"score" is a text that names no one of them'),
        ("1. It says why.\n2. It is short.", "it is not JSON with the fields asked for"),
    ],
)
def test_a_line_that_can_mean_two_grades_is_told_as_it_is(text, reason):
    reading = read_answer(text, VALIDATOR, vital=("score",), words=WORDS, lenient=True)
    assert reading.values is None
    assert reason in reading.problem


@pytest.mark.parametrize(
    ("grades", "said", "score"),
    [((-1, 0, 1), "\u22121", "-1"), ((0, 0.5, 1), ".5", "0.5"), ((0, 1), "1 of 1", "1"),
     ((0, 1), "0 out of 1", "0"), ((1, 2, 3), "3,0", "3"), ((1, 2, 3), "\uff12\uff0f\uff13", "2"),
     ("0/100/1", "87 out of 100", "87"), ("0/100/1", "Overall score is 87.", "87")],
)  # fmt: skip
def test_numbers_of_other_scales(grades, said, score):
    scale = Scale(grades)
    schema = verdict_schema(tuple(map(str, scale.grades)), 600)
    words = grade_spellings(PromptLayout(), scale, scale.grades)
    text = json.dumps({"rationale": "So.", "score": said})
    reading = read_answer(text, validator_of(schema), vital=("score",), words=words)
    assert reading.values == {"rationale": "So.", "score": score}


def test_private_answers_stay_in_the_call_store():
    with serving(Provider(reworded=READ["prose"])) as served:
        Path("t.jsonl").write_text(
            "".join(
                json.dumps({"item_id": f"i{n}", "content": f"The {w} note.", "score": 1 + n % 3,
                            "case_id": f"c{n}", "rater": "r", "rationale": "So.",
                            "dimension": "planted_quality"}) + "\n"
                for n, w in enumerate(("silk", "jute", "wool", "linen"))
            )
        )  # fmt: skip
        words = [
            "dataset=files",
            "dataset.path=t.jsonl",
            "rubric=planted",
            "gold=median",
            "folds=2",
        ]
        code, _, raw = judged(served, *words, "dataset.texts=private")
    assert code == 0
    assert len(raw) == 4
    assert all(row["told"] and not row["answers"] for row in raw.values())


def test_a_model_that_thinks_its_limit_away_gets_more_room_once(plain):
    with serving(Provider(room=4000)) as served:
        code, rows, raw = judged(served)
        assert code == 0
        assert {name: row["judge_score"] for name, row in rows.items()} == plain
        assert sorted({body["max_tokens"] for _, body, _ in served.requests}) == [512, 4608]
        told = {line for row in raw.values() for line in row["told"]}
        assert told == {"reasoning used up the limit of 512 tokens; asked again with 4608"}


def test_a_model_that_thinks_more_room_away_too_fails_for_that():
    with serving(Provider(room=10_000)) as served:
        code, rows, raw = judged(served)
    assert code == 1
    (failed,) = {row["error"] for row in rows.values()}
    assert "spent its limit on reasoning, and again with 4608 tokens" in failed
    assert "raise scoring.max_tokens=, or turn its reasoning off" in failed
    assert all(len(row["answers"]) == 2 for row in raw.values())


REFUSALS = {
    "response_format": "response_format is not supported by this model",
    "temperature": "Unsupported value: 'temperature' does not support 0 with this model.",
    "max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
}


@pytest.mark.parametrize("part", REFUSALS)
def test_an_endpoint_is_asked_without_what_it_refuses(plain, part):
    with serving(Provider(refuses=lambda body: REFUSALS[part] if part in body else None)) as served:
        code, rows, _ = judged(served)
    assert code == 0
    assert {name: row["judge_score"] for name, row in rows.items()} == plain
    (manifest,) = Path("results/s/runs").glob("*/manifest.json")
    [note] = json.loads(manifest.read_text())["backend_notes"]
    assert ("schema" if part == "response_format" else part) in note


VALIDATOR = validator_of(verdict_schema(TEXTS, 600))
WORDS = grade_spellings(PromptLayout(), SCALE, SCALE.grades)
ANYTHING = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.none(), any_text(max_size=12),
    st.sampled_from(["3/3", "2-3", "1, 2", "not good", "3.5", "good or bad", "average 3"]),
)  # fmt: skip


@given(ANYTHING, any_text(max_size=40), st.sampled_from(["", "```json\n", "So:\n"]))
def test_no_other_value_ever_becomes_a_grade(value, rationale, lead):
    text = lead + json.dumps({"rationale": rationale, "score": value})
    reading = read_answer(text, VALIDATOR, vital=("score",), words=WORDS, lenient=True)
    if reading.values is None:
        assert reading.problem
        return
    score = reading.values["score"]
    word = SCALE.words[int(score) - 1]
    if isinstance(value, str):
        left = value.casefold().removesuffix("/3").replace(word, "").replace(score, "", 1)
        # Words may follow a number, not come before it.
        assert not any(
            char.isalpha() for char in value.casefold().split(score)[0].replace(word, "")
        )
        assert not any(char.isdigit() and char != "0" for char in left)
    else:
        assert value == int(score)
    assert reading.values["rationale"] == rationale


@pytest.mark.parametrize("said", ["0/1", "1/0", "1 / 0"])
def test_a_list_of_both_grades_is_none_of_them(said):
    scale = Scale((0, 1))
    schema = verdict_schema(("1", "0"), 600)
    words = grade_spellings(PromptLayout(), scale, scale.grades)
    text = json.dumps({"rationale": "So.", "score": said})
    assert read_answer(text, validator_of(schema), vital=("score",), words=words).values is None


@pytest.mark.parametrize(
    ("said", "score"), [("n/a - it imputes nothing", "0"), ("N.A.", "0"), ("3/3", "3")]
)
def test_what_does_not_apply_has_words_of_its_own(said, score):
    scale = Scale((1, 2, 3), not_applicable=9)
    grades = (*scale.grades, NOT_APPLICABLE)
    texts = {PromptLayout().grade_text(scale, grade): grade for grade in grades}
    words = grade_spellings(PromptLayout(), scale, grades)
    schema = verdict_schema(tuple(texts), 600)
    text = json.dumps({"rationale": "So.", "score": said})
    values = read_answer(text, validator_of(schema), vital=("score",), words=words).values
    assert texts[values["score"]] == (NOT_APPLICABLE if score == "0" else int(score))


@given(any_text(max_size=200))
def test_any_text_is_read_or_refused_with_a_reason(text):
    reading = read_answer(text, VALIDATOR, vital=("score",), words=WORDS, lenient=True)
    assert (reading.values is None) == bool(reading.problem)
