"""Every block of the README, as written, in order; a simulated judge takes a model's place."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.committed import ROOT, committed_files

from memalign_bench.cli import main
from memalign_bench.datasets.bundled import bundled_path

BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.M)
SMALL = ["limit=16"]
MORE = {
    "run": ["tracker=none"],
    "report": ["tracker=none", "stats.n_resamples=200"],
    "export_judge": ["tracker=none", "stats.n_resamples=200"],
    "paper": ["stats.n_resamples=200"],
}


@pytest.fixture
def _checkout(tmp_path, monkeypatch):
    """What a reader has after cloning, where commands may write."""
    for name in ("experiments", "paper", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("src", "tests"))
    for path in committed_files():
        copied = tmp_path / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    notebooks = bundled_path(1) / "notebooks"
    shutil.copy(min(notebooks.glob("*.ipynb")), tmp_path / "new.ipynb")
    monkeypatch.chdir(tmp_path)
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(key, raising=False)


def said(line, capsys):
    """Carry out a line of a block; what it said."""
    program, *words = shlex.split(line, comments=True)
    if program == "make":
        shown = ["make", "-C", str(ROOT), "-n", *words]
        return subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    assert program == "memalign-bench", line
    words = [word.replace(",embedded", ",scripted") for word in words]
    more = [*MORE.get(words[0], [])]
    judged = words[0] in ("run", "headroom") and not any(
        word.startswith("backend=") for word in words
    )
    if judged:
        more += ["backend=scripted"]
        if not any(word.startswith("dataset=") for word in words):
            more += [*SMALL, "dimensions=[model_use]"]
    asks_a_key = words[0] == "doctor"  # the only thing here that no dry run stands in for
    capsys.readouterr()
    code = main([*words, *more])
    told = "".join(capsys.readouterr())
    assert code == (1 if asks_a_key else 0), f"{line}: {told}"
    return told


@pytest.mark.slow
@pytest.mark.usefixtures("_checkout")
@pytest.mark.filterwarnings("ignore")  # MLflow's and Typst's own
def test_every_block_of_the_readme_works_as_written(tmp_path, monkeypatch, capsys):
    told = {}
    for language, block in BLOCKS:
        monkeypatch.chdir(tmp_path)
        if language == "python":
            names = {}
            exec(block.replace(",embedded/", ",scripted/"), names)
            assert names["judge"].score(Path("new.ipynb")).score in (1, 2, 3)
            names["judge"].close()
            continue
        assert language == "", f"no reader of {language} blocks"
        for line in filter(None, map(str.strip, block.splitlines())):
            if line.startswith("cd "):
                monkeypatch.chdir(tmp_path / shlex.split(line, comments=True)[1])
            else:
                if "against=other" in line:  # a study that the reader has and the README has not
                    said("memalign-bench run -m alignment=none,full study=other", capsys)
                told[line] = said(line, capsys)
    assert any("OPENAI_API_KEY" in text for line, text in told.items() if "doctor" in line)
    assert any("USD" in text for line, text in told.items() if "dry_run=true" in line)
    for page in ("results/mine/report.html", "experiments/your_own_labels/results/replies"):
        assert Path(tmp_path, page).exists()
    assert Path(tmp_path, "paper/paper.pdf").stat().st_size > 10_000
    assert not list(tmp_path.glob("*.sqlite")), "nothing stray beside what was cloned"
