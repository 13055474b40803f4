"""The recipe of experiments/loop works as it stands there."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from tests.loop.test_sandbox import needs_namespaces

from memalign_bench.cli import main
from memalign_bench.loop.records import load_generated

README = Path(__file__).parents[2] / "experiments" / "loop" / "README.md"


@needs_namespaces
@pytest.mark.slow
def test_every_step_runs_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(), flags=re.DOTALL | re.M)
    by_kind = {kind: [text for name, text in blocks if name == kind] for kind, _ in blocks}
    Path("cases.yaml").write_text(by_kind["yaml"][0])
    Path("rides.csv").write_text(by_kind["csv"][0])
    reading, agent = by_kind["python"]
    Path("my_agent.py").write_text(agent)
    commands = [line for text in by_kind[""] for line in text.splitlines()]
    assert len(commands) == 5
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "memalign-bench"
        words = [word.replace("=python ", f"={sys.executable} ") for word in words]
        few = ["limit=4"] if "cases=files" not in words else []
        assert main([*words, *few, "sandbox.limits.seconds=900"]) == 0
    found = {
        path.name.rpartition("-")[0]: path for path in Path("results/loop/generated").iterdir()
    }
    assert set(found) == {"oracle", "empty", "before", "after", "command", "llm"}
    exec(reading.replace("empty-...", found["empty"].name), {})
    for name in ("command", "llm"):
        _, notebooks = load_generated(found[name])
        assert list(notebooks["executed"]) == [True], list(notebooks["error"])
    assert "tomorrow about 157" in next((found["command"] / "notebooks").iterdir()).read_text()
