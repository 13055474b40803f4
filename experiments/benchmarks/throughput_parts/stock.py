"""The study through stock MLflow, as its documentation has it; run in a process of its own.

    python experiments/benchmarks/throughput_parts/stock.py BASE_URL FOLDER DIMENSIONS RATE_LIMIT

One trace a notebook with the experts' feedback; for each dimension and fold `make_judge`,
`mlflow.genai.evaluate` of the unaligned judge on the held-out traces, `judge.align` with
`MemAlignOptimizer` on the others, and `evaluate` again. Prints what took how long, as JSON.
Guidelines alone cannot be had there: the optimiser has no switch for either memory.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from throughput_parts.server import Call, Served

__all__ = ["Stock", "run_stock"]

WORKERS = 16
_EXPERIMENT = "stock"


@dataclass(frozen=True)
class Stock:
    """A study through stock MLflow.

    Attributes:
        seconds: What took how long: `start` (imports), `traces` (logging them with feedback),
            `evaluate none`, `align`, `evaluate full`.
        began: When the first judge was made, by `monotonic`.
        ended: When the last verdict was there.
        cells: Dimensions x folds.
        verdicts: Feedback values that came back.
        calls: The server's log.
    """

    seconds: dict[str, float]
    began: float
    ended: float
    cells: int
    verdicts: int
    calls: tuple[Call, ...]


def run_stock(served: Served, folder: Path, dimensions: list[str], rate_limit: str) -> Stock:
    """Run the study for some dimensions.

    Args:
        served: The server.
        folder: Where MLflow's store may lie.
        dimensions: Which of the nine.
        rate_limit: Calls a second that `evaluate` allows itself: `auto` (MLflow's default), or 0
            for as many as its workers can.
    """
    environment = {
        **os.environ,
        "OPENAI_API_KEY": "none",
        "OPENAI_API_BASE": served.base_url,
        "OPENAI_BASE_URL": served.base_url,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_GENAI_EVAL_MAX_WORKERS": str(WORKERS),
        "MLFLOW_GENAI_OPTIMIZE_MAX_WORKERS": str(WORKERS),
        "MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT": rate_limit,
        "DSPY_CACHEDIR": str(folder / "dspy"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    served.log()
    words = [sys.executable, __file__, served.base_url, str(folder), ",".join(dimensions)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    told = json.loads(done.stdout.splitlines()[-1])
    return Stock(calls=tuple(served.log()), **told)


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began


def _study(folder: Path, dimensions: list[str]) -> dict[str, Any]:
    clock = _Clock()
    with clock("start"):
        plan = _plan(dimensions)
        mlflow = _mlflow(folder)
    with clock("traces"):
        traces = _traces(mlflow, plan)
    began = time.monotonic()
    verdicts = cells = 0
    for dimension in dimensions:
        for fold in sorted(set(plan.fold.values())):
            held_out = [traces[item] for item, place in plan.fold.items() if place == fold]
            train = [traces[item] for item, place in plan.fold.items() if place != fold]
            judge = _judge(mlflow, plan.spec.rubric.dimensions[dimension])
            with clock("evaluate none"):
                verdicts += _evaluated(mlflow, judge, held_out)
            with clock("align"):
                aligned = judge.align(traces=train, optimizer=_optimizer())
            with clock("evaluate full"):
                verdicts += _evaluated(mlflow, aligned, held_out)
            cells += 1
    ended = time.monotonic()
    return {
        "seconds": clock.seconds,
        "began": began,
        "ended": ended,
        "cells": cells,
        "verdicts": verdicts,
    }


def _plan(dimensions: list[str]) -> Any:
    """Items, gold and folds as the suite has them."""
    from memalign_bench.config import build, composed
    from memalign_bench.study.plan import make_plan

    words = ["dataset=genie_synth", "backend=scripted", f"dimensions=[{','.join(dimensions)}]"]
    job = composed("run", words)
    return make_plan(build(job.cfg, job.choices))


def _mlflow(folder: Path) -> Any:
    import mlflow

    importlib.import_module("mlflow.genai.judges.optimizers")  # now, and not within a measurement
    for name in ("mlflow", "alembic", "LiteLLM", "dspy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.sqlite'}")
    mlflow.set_experiment(_EXPERIMENT)
    return mlflow


def _traces(mlflow: Any, plan: Any) -> dict[str, Any]:
    """Item id -> its trace with the experts' feedback on every dimension."""
    from mlflow.entities import AssessmentSource

    from memalign_bench.notebooks.parse import read_notebook

    ids = {}
    for item_id, item in plan.data.item.items():
        cells = read_notebook(item.content, item_id).cells
        with mlflow.start_span(name=item_id) as span:
            span.set_inputs({"request": item.prompt})
            span.set_outputs({"notebook": "\n\n".join(cell.source for cell in cells)})
            ids[item_id] = span.trace_id
    mlflow.flush_trace_async_logging()
    source = AssessmentSource(source_type="HUMAN", source_id="expert")
    for (item_id, dimension), gold in plan.gold.items():
        mlflow.log_feedback(
            trace_id=ids[item_id],
            name=dimension,
            value=str(gold.score),
            rationale=gold.rationale,
            source=source,
        )
    return {item_id: mlflow.get_trace(trace_id) for item_id, trace_id in ids.items()}


def _judge(mlflow: Any, dimension: Any) -> Any:
    from mlflow.genai.judges import make_judge

    levels = "\n".join(f"{grade}: {text}" for grade, text in dimension.levels.items())
    return make_judge(
        name=dimension.name,
        instructions=(
            f"Grade the notebook {{{{ outputs }}}}, written for {{{{ inputs }}}}, on one question:"
            f" {dimension.question}\n{levels}\n0: not applicable"
        ),
        model="openai:/loopback",
        feedback_value_type=Literal["3", "2", "1", "0"],
    )


def _optimizer() -> Any:
    from mlflow.genai.judges.optimizers import MemAlignOptimizer

    return MemAlignOptimizer(
        reflection_lm="openai:/loopback", retrieval_k=4, embedding_model="openai:/loopback-embed"
    )


def _evaluated(mlflow: Any, judge: Any, traces: list[Any]) -> int:
    result = mlflow.genai.evaluate(data=traces, scorers=[judge])
    column = result.result_df[f"{judge.name}/value"]
    return int(column.notna().sum())


def _main() -> None:
    folder, dimensions = Path(sys.argv[2]), sys.argv[3].split(",")
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        result = _study(folder, dimensions)
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    _main()
