"""Notebooks that were changed at random, through the command line.

More of them, and against `nbconvert` itself where that is installed:
`MEMALIGN_BENCH_NOTEBOOKS=10000 pytest -s tests/notebooks/test_mutated.py`.
"""

import os
import re
import shutil
import sys
import warnings
from collections import Counter
from random import Random

import nbformat
import pytest
from tests.notebooks.mutated import ORACLE, bases, mutated, shown_words

from memalign_bench.cli import main
from memalign_bench.errors import DataError
from memalign_bench.notebooks.decoding import decode
from memalign_bench.notebooks.parse import MAX_OUTPUT_CHARACTERS, read_notebook

N_NOTEBOOKS = int(os.environ.get("MEMALIGN_BENCH_NOTEBOOKS", "120"))
SEED = int(os.environ.get("MEMALIGN_BENCH_SEED", "0"))
A_BATCH = 200


def batch_of(first, known):
    """The notebooks of one folder: file name -> bytes."""
    made = {}
    for number in range(first, min(first + A_BATCH, SEED + N_NOTEBOOKS)):
        random = Random(number)
        made[f"n{number}"] = mutated(random.choice([*known, known[-1], known[-1]]), random)
    return made


def opens(content):
    """Whether `nbformat` opens it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nbformat.reads(content, as_version=4)
    except Exception:
        return False
    return True


def look_at(raw, counts):
    """Problems of one file: refused though it opens, or with a shown word lost."""
    try:
        content = decode(raw, "x").text
    except DataError:
        counts["no text"] += 1
        return []
    try:
        notebook = read_notebook(content, "x")
    except DataError as error:
        counts["refused"] += 1
        return [f"refused: {error}"] if opens(content) else []
    counts["read"] += 1
    counts["mended"] += bool(notebook.mended)
    said = "\n".join(cell.output for cell in notebook.cells)
    found = ["an escape is left"] if re.search(r"[\x00-\x08\x0e-\x1f\x7f\x9b]", said) else []
    if any(len(cell.output) >= MAX_OUTPUT_CHARACTERS for cell in notebook.cells):
        return found
    words = shown_words(content) or set()
    counts["words looked for"] += len(words)
    lost = sorted(word for word in words if word not in said)
    return [*found, *([f"lost: {lost[:8]}"] if lost else [])]


def command(name, folder, *more):
    words = [name, "dataset=files", f"dataset.path={folder}", "gold=median", *more]
    return main(words)


@pytest.mark.filterwarnings("error")
def test_mutated_notebooks_give_no_traceback_and_lose_nothing_that_is_shown(tmp_path, capsys):
    known = bases()
    counts, wrong = Counter(), []
    for first in range(SEED, SEED + N_NOTEBOOKS, A_BATCH):
        made = batch_of(first, known)
        folder = tmp_path / "d"
        (folder / "notebooks").mkdir(parents=True)
        for name, raw in made.items():
            (folder / "notebooks" / f"{name}.ipynb").write_bytes(raw)
            wrong += [f"{name}: {told}" for told in look_at(raw, counts)]
        labels = (f"{name},model_training,ann,{1 + len(raw) % 3},So." for name, raw in made.items())
        grades = "\n".join(labels)
        (folder / "labels.csv").write_text(f"item_id,dimension,rater,score,rationale\n{grades}")
        code = command("validate", folder)
        told = "".join(capsys.readouterr())
        if code != 0 or "Traceback" in told:
            wrong.append(f"from n{first}: validate gave {code}: {told[-500:]}")
        counts["left out"] += int((re.search(r"left out: (\d+) item", told) or [0, 0])[1])
        if first == SEED:  # every dimension's view, by cells and by facts, on a simulated judge
            place = [f"results_dir={tmp_path}", "study=s", "backend=scripted", "tracker=none"]
            for view in ("compact", "facts"):
                code = command("run", folder, *place, "alignment=none", "folds=2", f"view={view}")
                assert code == 0, capsys.readouterr().err
        shutil.rmtree(folder)
    with capsys.disabled():
        if N_NOTEBOOKS > 1000:
            sys.stdout.write(
                f"\n{N_NOTEBOOKS} from seed {SEED}, against {ORACLE}: {dict(counts)}\n"
            )
    assert wrong == []
    assert counts["read"] > N_NOTEBOOKS / 3
    assert counts["words looked for"] > N_NOTEBOOKS
