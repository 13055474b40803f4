"""What scores of a generated run leave on disk: one row a notebook and dimension.

RESULTS_DIR/LOOP/generated/RUN_ID/scores/JUDGE_DIGEST/manifest.json
RESULTS_DIR/LOOP/generated/RUN_ID/scores/JUDGE_DIGEST/scores.parquet
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.scales import Grade
from memalign_bench.study import records

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["OWED", "Outcome", "ScoredRun", "load_pair", "load_scored", "scores_schema"]


_MANIFEST_KEYS = (
    *("notebooks_sha256", "scores_sha256"),
    *(f"judge.{key}" for key in ("digest", "variant", "backend", "model", "study")),
    *(f"judge.scale.{key}" for key in ("grades", "words")),
    *(f"judge.dimensions.*.{key}" for key in ("title", "rubric_digest", "held_out")),
)
"""What whoever reads scores relies on."""


class Outcome(StrEnum):
    """What became of one notebook on one dimension.

    `not_applicable`: the judge says so, and the case names no dimensions. `abstained`: it says so
    of a dimension that the case names. `unreadable`: the file is no notebook, or an empty one.
    `failed`: the judge gave no usable answer.
    """

    SCORED = "scored"
    NOT_APPLICABLE = "not_applicable"
    ABSTAINED = "abstained"
    UNREADABLE = "unreadable"
    NO_NOTEBOOK = "no_notebook"
    FAILED = "failed"


OWED = (Outcome.NO_NOTEBOOK, Outcome.UNREADABLE, Outcome.ABSTAINED)
"""What is the agent's doing: no notebook, or one that does not do what its case names."""


def scores_schema() -> pa.Schema:
    """Columns of `scores.parquet`, sorted by dimension, case and repeat.

    `score` is the grade in the reading that the judge ships with, `score_judge` its most likely
    grade as asked; both null unless scored. `distribution` lists the probabilities of the scale's
    grades in rising order, in the reading of `score`.
    """
    import pyarrow as pa

    text, count, real = pa.string(), pa.int32(), pa.float64()
    return pa.schema(
        [
            pa.field("case_id", text, nullable=False),
            pa.field("case_hash", text, nullable=False),
            pa.field("repeat", count, nullable=False),
            pa.field("dimension", text, nullable=False),
            pa.field("score", pa.float64()),
            pa.field("score_judge", pa.float64()),
            pa.field("outcome", text, nullable=False),
            pa.field("rationale", text, nullable=False),
            pa.field("distribution", pa.list_(real)),
            pa.field("error", text, nullable=False),
            pa.field("remembered", pa.bool_(), nullable=False),
            pa.field("prompt_tokens", pa.int64(), nullable=False),
            pa.field("completion_tokens", pa.int64(), nullable=False),
            pa.field("cost", real),
        ]
    )


@dataclass(frozen=True)
class ScoredRun:
    """A generated run as one folder of judges scored it.

    Attributes:
        path: Folder of the generated run.
        generated: Its manifest.
        manifest: Manifest of the scores.
        scores: `scores.parquet` as a frame.
        notebooks: `notebooks.parquet` as a frame.
    """

    path: Path
    generated: Mapping[str, Any]
    manifest: Mapping[str, Any]
    scores: pd.DataFrame
    notebooks: pd.DataFrame

    @property
    def name(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def judge(self) -> Mapping[str, Any]:
        """What the manifest says of the judges."""
        judge: Mapping[str, Any] = self.manifest["judge"]
        return judge

    @property
    def grades(self) -> tuple[Grade, ...]:
        """The scale, rising."""
        return tuple(self.judge["scale"]["grades"])

    @property
    def titles(self) -> dict[str, str]:
        """Dimension -> name for people."""
        return {name: entry["title"] for name, entry in self.judge["dimensions"].items()}

    @cached_property
    def labelled(self) -> dict[str, LabelledSample | None]:
        """Dimension -> its judge's labelled sample; None where none was shipped."""
        dimensions = self.judge["dimensions"]
        return {name: LabelledSample.of(entry["held_out"]) for name, entry in dimensions.items()}

    @property
    def share_without(self) -> float:
        """Share of the notebooks that are not there or cannot be read."""
        rows = self.scores[self.scores["outcome"].isin([Outcome.NO_NOTEBOOK, Outcome.UNREADABLE])]
        # A notebook has a row for each dimension and counts once.
        return len(rows[["case_id", "repeat"]].drop_duplicates()) / max(1, len(self.notebooks))

    def graded(self, missing: str) -> pd.DataFrame:
        """Rows that count, with their `grade` and whether the agent owes it (`owed`).

        What an agent owes (no notebook, an unreadable one, one to which the judge finds a
        dimension of the case not to apply) counts as the lowest grade with `missing=worst` and is
        left out with `exclude`. What the judge owes (`failed`) has no grade, NaN. What does not
        apply is left out.
        """
        rows = self.scores[self.scores["outcome"] != Outcome.NOT_APPLICABLE]
        grade = rows["score"].astype("float64")
        owed = rows["outcome"].isin(OWED)
        if missing == "exclude":
            rows, grade, owed = rows[~owed], grade[~owed], owed[~owed]
        else:
            # pandas' `where` keeps what the condition holds for, and replaces the rest.
            grade = grade.where(~owed, float(self.grades[0]))
        return rows.assign(grade=grade, owed=owed).reset_index(drop=True)


def load_scored(path: Path, judge: str | None = None) -> ScoredRun:
    """Read the scores of a generated run.

    Args:
        path: The generated run's folder.
        judge: Digest of the judges, or its beginning; None where the run has one set of scores.

    Raises:
        RequestError: If it was not scored, not by this judge, or by several and none is named.
        RecordError: If records contradict one another.
    """
    import pandas as pd

    from memalign_bench.loop.records import load_generated

    generated, notebooks = load_generated(path)
    manifests = {file.parent.name: file for file in sorted(path.glob("scores/*/manifest.json"))}
    # Every digest begins with "": where none is named, there must be one set of scores.
    chosen = [name for name in manifests if name.startswith(judge or "")]
    if len(chosen) != 1:
        known = ", ".join(_judge_text(file) for file in manifests.values()) or "none"
        wanted = f"scores by judge={judge}" if judge else "one set of scores"
        raise RequestError(
            f"{path} has not {wanted}; it has: {known}. Name one with judge=DIGEST, or score it:"
            f" memalign-bench score run={path.name} judge=FOLDER."
        )
    # The records must belong together: notebooks, manifest and table.
    folder = manifests[chosen[0]].parent
    manifest = records.read_manifest(folder / "manifest.json", _MANIFEST_KEYS)
    # The run was generated again since.
    if manifest["notebooks_sha256"] != generated["notebooks_sha256"]:
        raise RecordError(
            f"{folder}: these scores are of other notebooks than {path} holds now; score it again."
        )
    scores = folder / "scores.parquet"
    if not scores.is_file() or records.sha256_of(scores) != manifest["scores_sha256"]:
        raise RecordError(f"{scores} is not the file that its manifest names; score it again.")
    whole_grades = all(isinstance(grade, int) for grade in manifest["judge"]["scale"]["grades"])
    # Nullable types: with a null among them plain integers become floats, and 3 would be 3.0.
    grade = "Int64" if whole_grades else "Float64"
    frame = pd.DataFrame(
        records.read_rows(scores, scores_schema()), columns=scores_schema().names
    ).astype({"score": grade, "score_judge": grade, "cost": "float64"})
    return ScoredRun(path, generated, manifest, frame, notebooks)


def load_pair(
    baseline: Path, candidate: Path, judge: str | None = None
) -> tuple[ScoredRun, ScoredRun]:
    """Read the scores of two generated runs by the judge that has scored both.

    Args:
        baseline: A generated run's folder.
        candidate: Another's.
        judge: Digest of the judges, or its beginning; None where they have one in common.

    Raises:
        RequestError, RecordError: As `load_scored` does.
    """
    if judge is None:
        judges = [
            {file.parent.name for file in path.glob("scores/*/manifest.json")}
            for path in (baseline, candidate)
        ]
        shared = sorted(judges[0] & judges[1])
        # None or several in common: `load_scored` refuses, and names what there is.
        if len(shared) == 1:
            judge = shared[0]
    return load_scored(baseline, judge), load_scored(candidate, judge)


def _judge_text(manifest: Path) -> str:
    judge = records.read_manifest(manifest, _MANIFEST_KEYS)["judge"]
    return f"{manifest.parent.name} ({judge['variant']} on {judge['backend']})"
