"""What an alignment is stands in its own YAML; none is a control because no list knows it."""

from pathlib import Path
from typing import Any

import pytest
from hand_study import hand_study

from memalign_bench.alignment.base import ROLES, Rung
from memalign_bench.config import build, composed, config_dir
from memalign_bench.errors import RequestError
from memalign_bench.report.numbers.alignments import controls_of, role_of
from memalign_bench.report.numbers.frames import load_study

ROWS = [
    {"item_id": f"{case}1", "expert_score": 1 + at % 3, "judge": 2}
    for at, case in enumerate("abcd")
]
STEPPED = sorted(
    path.stem
    for path in (config_dir() / "alignment").glob("*.yaml")
    if "alignment.base.Rung" in path.read_text()
)


def frames_of(tmp_path: Path, **rungs: dict[str, Any] | None) -> Any:
    manifests = {
        name: {} if settings is None else {"config": {"alignment": settings}}
        for name, settings in rungs.items()
    }
    write = hand_study(tmp_path / "hand")
    return load_study(write(dict.fromkeys(rungs, ROWS), manifests=manifests))


def test_the_record_tells_and_an_older_one_is_told_by_the_package(tmp_path: Path) -> None:
    frames = frames_of(
        tmp_path,
        full={"ladder": {"step": 1, "role": "control"}},  # the record's word goes first
        length_filler={"ladder": {"step": 2}},
        none=None,
    )
    found = {name: role_of(frames, name) for name in ("full", "length_filler", "none")}
    assert found == {"full": "control", "length_filler": "control", "none": "baseline"}


def test_a_memory_of_ones_own_is_no_control(tmp_path: Path) -> None:
    frames = frames_of(
        tmp_path,
        strict_labels={"_target_": "my_alignments.StrictLabels", "ladder": {"step": 125}},
        ridge={"_target_": "my_alignments.Ridge", "ladder": {"step": 126}},  # a packaged name
    )
    assert role_of(frames, "strict_labels") is role_of(frames, "ridge") is None
    assert controls_of(frames, ["strict_labels", "ridge"]) == frozenset()


@pytest.mark.parametrize("name", STEPPED)
def test_every_packaged_step_says_what_it_is(name: str, tmp_path: Path) -> None:
    assert role_of(frames_of(tmp_path, **{name: None}), name) in ROLES


def test_a_role_decides_no_number() -> None:
    words = ["dataset=planted", "backend=scripted", "alignment=full", "study=s"]
    names = set()
    for role in ROLES:
        job = composed("run", [*words, f"alignment.ladder.role={role}"])
        spec = build(job.cfg, job.choices)
        assert spec.alignment.ladder.role == role
        names.add((spec.run_id(spec.dataset.load(spec.rubric)), spec.variant))
    assert len(names) == 1


def test_an_unknown_role_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match=r"'contrl' is none of memory, control, baseline"):
        Rung(1, "a step", "contrl")
