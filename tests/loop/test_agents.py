"""What agents hand over, without the command line."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.loop.notebooks import notebook, write

from memalign_bench.backends.base import ChatAnswer
from memalign_bench.config import composed, instance
from memalign_bench.errors import FailedCallError, RequestError
from memalign_bench.loop.agents.base import Order, execution_state
from memalign_bench.loop.agents.cells import as_text, cells_in
from memalign_bench.loop.agents.command import CommandAgent
from memalign_bench.loop.agents.folder import FolderAgent
from memalign_bench.loop.agents.known import BundledAgent, GradedCorpus, OracleAgent
from memalign_bench.loop.case_files import BundledCases
from memalign_bench.loop.cases import Case
from memalign_bench.loop.sandbox.base import Execution
from memalign_bench.notebooks.budget import estimate_tokens
from memalign_bench.types import Usage

CASE = Case("sales", "Forecast sales.", "sales.csv: 3 rows", data=())


class Bench:
    """A sandbox that runs nothing: cells that hold FAIL fail."""

    name = "bench"

    def __init__(self):
        self.ran = []

    def execute(self, held, files):
        self.ran.append([cell["source"] for cell in held["cells"]])
        for index, cell in enumerate(held["cells"]):
            if "FAIL" in cell["source"]:
                error = "NameError: FAIL"
                return Execution(held, "made", False, error, index, f"line 1\n{error}", 1.0)
        return Execution(held, executed=True, seconds=1.0)


class Model:
    """Answers from a list; remembers what it was asked."""

    context_tokens = None

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def chat(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ChatAnswer(answer, "stop", Usage(10, 5, cost_usd=0.5), latency_s=2.0)


def order(folder, *, case=CASE, repeat=0, run_seed=0, files=(), model=None, sandbox=None):
    place = folder / "steps"
    return Order(case, repeat, run_seed, 7, files, sandbox or Bench(), model, place)


def rubric():
    return instance(composed("generate").cfg, "rubric")


def agent(*words):
    return instance(composed("generate", ["agent=llm", *words]).cfg, "agent")


def drafted(made, place, model, sandbox=None):
    return made.ready([CASE], rubric()).write(order(place, model=model, sandbox=sandbox))


# --- a model -------------------------------------------------------------------------------------


def test_a_model_plans_writes_and_repairs_the_cell_that_failed(tmp_path):
    first = "# Sales\n```python\nx = 1\n```\nNow:\n```python\nFAIL\n```\n```python\nlast = 3\n```"
    model, sandbox = Model("1. Look.", first, "Sorry.\n```python\ny = 2\n```"), Bench()
    draft = drafted(agent("++agent.skills.leakage=Split first."), tmp_path, model, sandbox)
    assert (draft.status, draft.executed, draft.error) == ("made", True, "")
    assert draft.usage == Usage(30, 15, cost_usd=1.5)
    assert draft.seconds == 3 * 2.0 + 2 * 1.0
    sources = ["# Sales", "x = 1", "Now:", "Sorry.", "y = 2", "last = 3"]
    assert ["".join(cell["source"]) for cell in json.loads(draft.content)["cells"]] == sources
    planned, written, repaired = (request.messages for request in model.asked)
    assert "Forecast sales." in planned[1].content
    assert "# Skill: leakage\nSplit first." in planned[1].content
    assert written[2].content == "1. Look."
    assert "Cell 4 failed" in repaired[-1].content
    assert "NameError: FAIL" in repaired[-1].content
    assert "last = 3" not in repaired[2].content  # the cells after it did not run


def test_a_notebook_that_cannot_be_repaired_is_kept_with_its_error(tmp_path):
    bad = "```python\nFAIL\n```"
    model = Model(bad, *[bad] * 2)
    draft = drafted(agent("agent.plan=false", "agent.max_repairs=2"), tmp_path, model)
    assert len(model.asked) == 3
    assert (draft.status, draft.executed, draft.error) == ("made", False, "NameError: FAIL")
    assert "FAIL" in draft.content


def test_what_was_executed_once_is_not_executed_again(tmp_path):
    answers = ["```python\nFAIL\n```", "```python\ny = 2\n```"]
    made, sandbox = agent("agent.plan=false"), Bench()
    first = drafted(made, tmp_path, Model(*answers), sandbox)
    again = drafted(made, tmp_path, Model(*answers), sandbox)
    assert len(sandbox.ran) == 2
    assert again == first


def test_a_repair_that_the_model_refuses_leaves_the_notebook(tmp_path):
    model = Model("```python\nFAIL\n```", FailedCallError("refused"))
    draft = drafted(agent("agent.plan=false"), tmp_path, model)
    assert draft.status == "made"
    assert draft.error == "NameError: FAIL; not repaired: refused"


def test_a_model_that_writes_no_code_leaves_no_notebook(tmp_path):
    draft = drafted(agent("agent.plan=false"), tmp_path, Model("I cannot do that."))
    assert (draft.status, draft.content) == ("no_notebook", None)
    assert draft.error == "the model wrote no code"


def test_a_small_context_is_kept_and_what_is_left_out_is_said(tmp_path):
    long = "\n".join(f"```python\nvalue_{n} = {n}\n```" for n in range(400))
    model = Model(f"{long}\n```python\nFAIL\n```", "```python\nok = 1\n```")
    model.context_tokens = 2048
    drafted(agent("agent.plan=false"), tmp_path, model)
    assert model.asked[0].max_tokens == 1024
    assert "earlier cells are not shown" in model.asked[1].messages[2].content
    assert "FAIL" in model.asked[1].messages[2].content


def test_a_cell_without_end_is_cut_in_the_middle_when_it_is_to_be_repaired(tmp_path):
    cell = "FAIL\n" + "\n".join(f"value_{n} = {n}" for n in range(2000))
    model = Model(f"```python\n{cell}\n```", "```python\nok = 1\n```")
    model.context_tokens = 2048
    drafted(agent("agent.plan=false"), tmp_path, model)
    told = [message.content for message in model.asked[1].messages]
    assert sum(map(estimate_tokens, told)) < 1024
    for text in told[2:]:
        assert "FAIL" in text
        assert "characters are not shown" in text
        assert "value_1999" in text


def test_wrong_settings_of_a_model_are_said_at_once():
    made = agent("agent.max_repairs=-1", "agent.prompts.repair='{nothing}'")
    with pytest.raises(RequestError, match="max_repairs must be a number >= 0") as caught:
        made.ready([CASE], rubric())
    assert "agent.prompts.repair" in str(caught.value)


@given(st.lists(st.tuples(st.sampled_from(["code", "markdown"]), st.text("ab #=`\n", min_size=1))))
def test_cells_survive_being_written_out(cells):
    """Text cells may join, and blanks go; code comes back as it was."""
    made = [{"cell_type": kind, "source": source.strip()} for kind, source in cells]
    made = [
        c for c in made if c["source"] and ("```" not in c["source"] or c["cell_type"] == "code")
    ]
    back = cells_in(as_text(made))
    code = [cell["source"] for cell in made if cell["cell_type"] == "code"]
    assert [cell["source"] for cell in back if cell["cell_type"] == "code"] == code


def test_listings_of_other_languages_are_text_and_a_cut_off_cell_is_code():
    cells = cells_in("Run\n```bash\nls\n```\nthen\n```python\nx = 1")
    assert [cell["cell_type"] for cell in cells] == ["markdown", "markdown", "code"]
    assert cells[-1]["source"] == "x = 1"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("```markdown\n# A\n```python\nx = 1\n```\nSo.\n```", "markdown code markdown"),
        ("Here:\n```md\n# A\n~~~py\nx = 1\n~~~", "markdown code"),
        ("```markdown\n# Load\nx = 1\n```\nIt loads.", "code markdown"),  # of code alone
        ("```text\nprint(1)\n```", "code"),
        ("```json\n{}\n```\n```text\nls\n```\n```md\n# A\nB c.\n```", "markdown markdown markdown"),
        ("```markdown\n# A\n```\n```python\nx = 1\n```", "markdown code"),
    ],
)
def test_code_is_found_between_fences_of_another_name(text, kinds):
    cells = cells_in(text)
    assert " ".join(cell["cell_type"] for cell in cells) == kinds
    code = [cell["source"].split("\n")[-1] for cell in cells if cell["cell_type"] == "code"]
    assert code == (["print(1)"] if "print" in text else ["x = 1"] * len(code))


# --- a command -----------------------------------------------------------------------------------

GOOD = """
import json, sys
told = json.load(sys.stdin)
assert told == json.load(open("case.json"))
open("usage.json", "w").write('{"prompt_tokens": 3, "completion_tokens": 4, "cost_usd": 0.25}')
source = f"{told['case']['prompt']} {open('sales.csv').read()}"
cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": source}
json.dump({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
          open(told["notebook"], "w"))
"""


def command(folder, script, **settings):
    path = folder / "agent.py"
    path.write_text(script)
    made = CommandAgent("command", f"{sys.executable} {path}", **{"execute": False, **settings})
    data = folder / "sales.csv"
    data.write_text("a,b")
    return made.ready([CASE], rubric()).write(order(folder, files=[data]))


def test_a_command_gets_its_case_and_data_and_tells_what_it_used(tmp_path):
    draft = command(tmp_path, GOOD)
    assert "Forecast sales. a,b" in draft.content
    assert (draft.status, draft.usage) == ("made", Usage(3, 4, cost_usd=0.25))


@pytest.mark.parametrize(
    "told",
    [
        '{"prompt_tokens": Infinity}',
        '{"completion_tokens": 99999999999999999999}',
        '{"prompt_tokens": -3}',
        '{"cost_usd": NaN}',
        '{"cost_usd": 1e999}',
        '{"cost_usd": -1}',
        "[" * 100_000,
    ],
)
def test_what_an_agent_used_is_not_known_where_records_hold_no_such_number(tmp_path, told):
    script = GOOD.replace('"prompt_tokens": 3, "completion_tokens": 4, "cost_usd": 0.25', "USED")
    draft = command(tmp_path, script.replace("'{USED}'", repr(told)))
    assert (draft.status, draft.usage) == ("made", Usage())


@pytest.mark.parametrize(
    ("script", "status", "error"),
    [
        ("raise SystemExit('out of luck')", "crashed", "exit code 1; it said last: out of luck"),
        ("import os; os.kill(os.getpid(), 11)", "crashed", "exit code 139"),
        ("print('done')", "no_notebook", "no .ipynb was left (there are case.json, sales.csv)"),
        (
            "for n in range(10): open(f'{n}.ipynb', 'w').write('{}')",
            "no_notebook",
            "10 notebooks were left, none named notebook.ipynb: 0.ipynb, 1.ipynb",
        ),
        (
            "import os, shutil; shutil.rmtree(os.getcwd()); print('clean')",
            "no_notebook",
            "what it left cannot be read (No such file or directory); it said last: clean",
        ),
    ],
)
def test_a_command_that_fails_is_recorded(tmp_path, script, status, error):
    draft = command(tmp_path, script)
    assert (draft.status, draft.content) == (status, None)
    assert draft.error.startswith(error)


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path):
    mark = tmp_path / "alive"
    child = (
        f"import time, pathlib\nwhile True: pathlib.Path({str(mark)!r}).touch(); time.sleep(.05)"
    )
    script = f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}],"
    script += " start_new_session=True)\ntime.sleep(1000)"
    draft = command(tmp_path, script, timeout_s=4)
    assert draft.status == "timed_out"
    assert "killed after 4 s" in draft.error
    assert mark.exists()
    mark.unlink()
    import time

    time.sleep(0.5)
    assert not mark.exists()


def test_a_command_that_leaves_no_notebook_but_a_file_of_that_name_is_refused(tmp_path):
    from memalign_bench.errors import UnreadableError

    with pytest.raises(UnreadableError, match="not valid JSON"):
        command(tmp_path, "open('notebook.ipynb', 'w').write('rubbish')")


def test_a_command_that_cannot_be_found_is_refused_before_anything_runs():
    with pytest.raises(RequestError, match="there is no program 'no-such-agent'"):
        CommandAgent("command", "no-such-agent --fast").ready([CASE], rubric())
    with pytest.raises(RequestError, match="cannot be read: No closing quotation"):
        CommandAgent("command", "python 'x").ready([CASE], rubric())


# --- a folder ------------------------------------------------------------------------------------


def test_a_folder_gives_a_case_its_files_in_turn(tmp_path):
    write(tmp_path / "sales-0.ipynb", "zero = 0")
    write(tmp_path / "sales-1.ipynb", "one = 1")
    write(tmp_path / "sales-summer.ipynb", "of_another = 1")
    author = FolderAgent("folder", str(tmp_path)).ready([CASE], rubric())
    drafts = [author.write(order(tmp_path, repeat=repeat)) for repeat in range(3)]
    assert ["zero" in drafts[0].content, "one" in drafts[1].content] == [True, True]
    assert (drafts[2].status, drafts[2].content) == ("no_notebook", None)
    assert drafts[0].error == "not executed"
    with pytest.raises(RequestError, match=r"holds no notebook of any case: name them CASE\.ipynb"):
        FolderAgent("folder", str(tmp_path)).ready([Case("other", "x")], rubric())


def test_the_state_of_a_file_is_what_its_counts_and_outputs_say():
    held = notebook("a", "b")
    assert execution_state(json.dumps(held)) == (False, "not executed")
    held["cells"][0]["execution_count"] = 1
    assert execution_state(json.dumps(held)) == (False, "executed in part")
    held["cells"][1]["execution_count"] = 2
    assert execution_state(json.dumps(held)) == (True, "")
    held["cells"].append(
        {**held["cells"][1], "id": "blank", "source": "  ", "execution_count": None}
    )
    assert execution_state(json.dumps(held)) == (True, ""), "kernels are sent no blanks"
    error = {"output_type": "error", "ename": "KeyError", "evalue": "x", "traceback": []}
    held["cells"][1]["outputs"] = [error]
    assert execution_state(json.dumps(held)) == (False, "KeyError: x")


# --- known quality -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus():
    return GradedCorpus.read(None, 0, rubric())


@pytest.fixture(scope="module")
def cases():
    return BundledCases("bundled").load(rubric())


def grades(made, cases, corpus, dimension, *, seed=0, repeats=1):
    """Case -> gold grades of what an agent hands out."""
    known = {item.content: item for items in corpus.items.values() for item in items}
    write = made.ready(cases, rubric()).write
    return {
        (case.case_id, r): corpus.grade(
            known[write(order(Path(), case=case, repeat=r, run_seed=seed)).content], dimension
        )
        for case in cases
        for r in range(repeats)
    }


def test_a_planted_regression_is_in_so_many_cases_and_in_no_other(cases, corpus):
    name = "data_imputation"
    best = grades(BundledAgent("b", prefer=name), cases, corpus, name)
    given = {key: [corpus.grade(item, name) or 9 for item in corpus.items[key[0]]] for key in best}
    worst = {key: min(held) for key, held in given.items()}
    can = [key for key in best if best[key] is not None and worst[key] < best[key]]
    assert len(can) >= 10
    for share in (0, 0.5, 1):
        got = grades(BundledAgent("b", plant=name, share=share), cases, corpus, name)
        fell = [key for key in best if got[key] != best[key]]
        assert len(fell) == round(share * len(can))
        assert all(got[key] == worst[key] for key in fell)
    other = grades(BundledAgent("b", plant=name), cases, corpus, name, seed=1)
    assert other != grades(BundledAgent("b", plant=name), cases, corpus, name, seed=0)


def test_the_bundled_agent_hands_out_a_cases_notebooks_in_turn(cases, corpus):
    write = BundledAgent("b").ready(cases, rubric()).write
    for case in cases:
        pair = [write(order(Path(), case=case, repeat=r)).content for r in range(3)]
        assert pair[0] != pair[1]
        assert pair[2] == pair[0]


def test_no_notebook_is_graded_better_than_the_oracles(cases, corpus):
    write = OracleAgent("o").ready(cases, rubric()).write
    for case in cases:
        content = write(order(Path(), case=case)).content
        held = {item.content: corpus.mean(item) for item in corpus.items[case.case_id]}
        assert held[content] == max(held.values())


def test_a_notebook_without_a_grade_is_no_oracles_choice(corpus):
    item = next(iter(corpus.items.values()))[0]
    bare = replace(corpus, grades={})
    assert bare.mean(item) < corpus.mean(item)


def test_wrong_settings_of_the_bundled_agent_are_said_at_once(cases):
    with pytest.raises(RequestError) as caught:
        BundledAgent("b", plant="data_imputatoin", prefer="x", share=2).ready(cases, rubric())
    said = str(caught.value)
    for part in ("agent.plant='data_imputatoin' is no dimension", "cannot both be set",
                 "agent.share must lie in 0 to 1, got 2"):  # fmt: skip
        assert part in said
    with pytest.raises(RequestError, match="agent=o holds no notebook of elsewhere"):
        OracleAgent("o").ready([Case("elsewhere", "x")], rubric())
