"""Scored runs written by hand: records as `generate` and `score` leave them."""

import hashlib
import json
import math

from memalign_bench.loop.records import notebooks_schema
from memalign_bench.loop.scoring.records import scores_schema
from memalign_bench.study import records

SCALE = {"grades": [1, 2, 3], "words": ["bad", "average", "good"]}
COLUMNS = ["item_id", "case_id", "fold_seed", "expert_score", "judge_score_raw"]


def labels(pairs):
    """A labelled sample of (expert, judge) grades, a case each."""
    rows = [[f"i{n:03d}", f"c{n:03d}", 0, *pair] for n, pair in enumerate(pairs)]
    return {"columns": COLUMNS, "rows": rows}


RIGHT = labels([(1, 1), (2, 2), (3, 3)] * 20)
"""Of a judge that is always right."""

HALF = labels([(1, 2), (1, 2), (1, 1), (3, 3), (3, 2), (3, 2)] * 10)
"""Of one that shows a third of what there is."""

MILD = labels([(1, 1), (1, 1), (1, 2), (3, 3), (3, 3), (3, 2)] * 10)
"""Of one that shows two thirds."""

BLIND = labels([(1, 3), (3, 3), (1, 2), (3, 2)] * 15)


def write_run(folder, name, grades, *, held_out=RIGHT, digest="abcdef123456", **more):
    """Write a run.

    Args:
        folder: The loop's folder.
        name: Its id.
        grades: Dimension -> case -> grades of its notebooks; None: no notebook, "failed": the judge
            gave nothing.
        held_out: The judge's labelled sample, in every dimension.
        digest: The judge's.
        more: `agent`, `rubric` (its digest), `notice`, `cost`, `finished`, `prefix` of case hashes,
            `scale`, `held_out_of` (dimension -> a labelled sample of its own).
    """
    path = folder / "generated" / name
    cases = sorted({case for by_case in grades.values() for case in by_case})
    hashes = {c: hashlib.sha256(f"{more.get('prefix', '')}{c}".encode()).hexdigest() for c in cases}
    first = next(iter(grades.values()))
    notebooks = [
        {
            "case_id": case,
            "case_hash": hashes[case],
            "domain": "",
            "task_type": "",
            "dimensions": sorted(grades),
            "repeat": repeat,
            "agent": more.get("agent", "hand"),
            "path": "",
            "notebook_sha256": "",
            "status": "no_notebook" if grade is None else "made",
            "executed": grade is not None,
            "error": "it left none" if grade is None else "",
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "cost": more.get("cost", math.nan),
            "seconds": 2.0,
        }
        for case in cases
        for repeat, grade in enumerate(first[case])
    ]
    sha256 = records.write_rows(path / "notebooks.parquet", notebooks, notebooks_schema())
    records.write_json(
        path / "manifest.json",
        {
            "run_id": name, "agent": more.get("agent", "hand"), "backend": "none", "model": "none",
            "cases_name": "hand", "cases_digest": "0" * 64, "n": 1, "seed": 0,
            "cases": [{"case_id": c, "hash": h} for c, h in hashes.items()],
            "notice": more.get("notice", ""), "notebooks_sha256": sha256,
            "finished": more.get("finished", "2026-01-01T00:00:00+00:00"),
        },
    )  # fmt: skip
    rows = [
        _row(name_, case, hashes[case], repeat, grade)
        for name_, by_case in sorted(grades.items())
        for case in sorted(by_case)
        for repeat, grade in enumerate(by_case[case])
    ]
    out = path / "scores" / digest
    scored = records.write_rows(out / "scores.parquet", rows, scores_schema())
    dimensions = {
        one: {
            "title": one.replace("_", " ").capitalize(),
            "rubric_digest": more.get("rubric", "r"),
            "reading": "raw",
            "scores": None,
            "held_out": more.get("held_out_of", {}).get(one, held_out),
        }
        for one in grades
    }
    judge = {
        "digest": digest, "variant": "full", "backend": "scripted", "model": "scripted",
        "study": "s", "data": {"name": "hand", "notice": ""},
        "scale": more.get("scale", SCALE),
        "dimensions": dimensions,
    }  # fmt: skip
    records.write_json(
        out / "manifest.json",
        {"run_id": name, "judge": judge, "notebooks_sha256": sha256, "scores_sha256": scored,
         "remembered": 0, "git": {}},
    )  # fmt: skip
    return path


def _row(dimension, case, case_hash, repeat, grade):
    graded = isinstance(grade, int | float)
    outcome = "scored" if graded else "no_notebook" if grade is None else grade
    return {
        "case_id": case,
        "case_hash": case_hash,
        "repeat": repeat,
        "dimension": dimension,
        "score": grade if graded else None,
        "score_judge": grade if graded else None,
        "outcome": outcome,
        "rationale": f"because it is | {grade}" if graded else "",
        "distribution": None,
        "error": "" if graded else "none",
        "remembered": False,
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "cost": None,
    }


def read(path):
    """JSON of a file."""
    return json.loads(path.read_text())
