"""An aligned judge as one that MLflow can register and load without this package.

MLflow registers a judge of its own kinds only. Here it is the plainest: instructions that carry
rubric and guidelines. What that kind has no place for is told by `lost_in_mlflow`:

- examples: MLflow's own retrieval needs them as traces in its store and an embedding model;
- distributions and the habit they are read by: MLflow's judges give verdicts;
- views: MLflow hands over what it is given, so what is judged must be cut to size before;
- the address of the model: MLflow reaches it by its name and the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from memalign_bench.alignment.mlflow.guest_judge import PassedAs, grades_of, instructions_of
from memalign_bench.judging.judge import Judge
from memalign_bench.judging.prompt import PromptParts, guidelines_section, rubric_section
from memalign_bench.wording import counted

__all__ = ["lost_in_mlflow", "mlflow_judge"]


def mlflow_judge(judge: Judge, model: str, passed_as: PassedAs, description: str) -> Any:
    """A judge of MLflow's, not registered yet.

    Args:
        judge: The aligned judge.
        model: MLflow's name of its model (`openai:/NAME`).
        passed_as: The field that holds the item's text.
        description: What is kept with it and never shown to its model.
    """
    from mlflow.genai.judges import make_judge

    # No examples, which MLflow would need as traces, and no item: a template names its place.
    parts = PromptParts(
        judge.rubric, judge.dimension, judge.guidelines, (), "", judge.ask_applicability
    )
    sections = [rubric_section(judge.layout, parts), guidelines_section(judge.layout, parts)]
    # The rubric describes some grades of a range only.
    if judge.rubric.scale.is_ranged:
        sections.append(
            f"The grade is {judge.layout.choice(judge.rubric.scale, [*grades_of(judge).values()])}."
        )
    text = "\n\n".join(filter(None, sections))
    return make_judge(
        name=judge.dimension.name,
        instructions=instructions_of(judge, text, passed_as),
        model=model,
        description=description,
        feedback_value_type=_feedback_type(judge),
    )


def _feedback_type(judge: Judge) -> Any:
    """What MLflow is to take for an answer: a grade by its text, or of many grades a number."""
    grades, scale = grades_of(judge), judge.rubric.scale
    # N/A, where it may be said, is one answer more than there are grades, and no number.
    if scale.is_ranged and len(grades) == len(scale.grades) and not scale.has_words:
        return int if scale.is_whole else float
    # A tuple in brackets is taken apart: each text is one answer that MLflow accepts.
    return Literal[tuple(grades)]


def lost_in_mlflow(record: Mapping[str, Any]) -> list[str]:
    """What of an exported judge its registered form does not have, in plain words."""
    judge = record["judge"]
    lost = []
    if judge["memory"]:
        lost.append(f"its {counted(len(judge['memory']['examples']), 'example')}")
    if judge["scoring"]["kind"] == "logprob":
        lost.append("grade probabilities (MLflow asks for a verdict)")
    if judge["prior"]:
        lost.append("the reading relative to its habit")
    return [*lost, "views (MLflow shows an item as it is given)"]
