"""What a reader must know of the data before the numbers: said wherever results are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memalign_bench.report.numbers.alignments import synthetic_by_name
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.study.builds import builds_in

if TYPE_CHECKING:
    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["is_synthetic", "notices"]

_MAX_LISTED = 4

_SYNTHETIC = (
    "Synthetic data: the items were generated and the raters are simulated. No human graded"
    " anything here; the numbers say how a judge follows planted conventions, not how it agrees"
    " with people."
)
_SCRIPTED = (
    "Simulated judge: the scripted backend answers by rule, with a known effect of memory. Its"
    " numbers test the method and say nothing of any language model."
)
_SMALL = (
    "A small judge: its numbers hang on how it is asked (digits or words, chat template or plain"
    " text, the reading of its probabilities) as much as on any memory. The way of asking was"
    " fixed before these data were looked at."
)


def is_synthetic(frames: StudyFrames) -> bool:
    """Whether the study's items are generated and its raters simulated, by the data set's own YAML.

    Records older than that key: what the package's YAML of the name says.
    """
    # Any run will do: `load_study` has checked that all share one data set.
    manifest = next(iter(frames.manifests.values()))
    recorded = ((manifest.get("config") or {}).get("dataset") or {}).get("synthetic")
    # False is an answer too; only where the key is missing is the package asked.
    if recorded is not None:
        return bool(recorded)
    return synthetic_by_name(str(manifest["dataset"]["name"]))


def notices(frames: StudyFrames) -> list[str]:
    """Notices of a study: what its data set brings along, what was not run, what kind of judges."""
    manifests = list(frames.manifests.values())
    given = [str(m["dataset"]["notice"]) for m in manifests if m["dataset"].get("notice")]
    # What another notice says too, and goes on from, is said once.
    texts = [
        text
        for text in dict.fromkeys(given)
        if not any(other != text and other.startswith(text.rstrip(".")) for other in given)
    ]
    if is_synthetic(frames) and not any("simulated" in notice for notice in texts):
        # A data set's own notice may say so in its words already.
        texts.insert(0, _SYNTHETIC)
    backends = {str(manifest["backend"]) for manifest in manifests}
    if "scripted" in backends:
        texts.append(_SCRIPTED)
    # embedded, embedded_1_5b, embedded_smollm2: the small models that run in this process.
    if any(name.startswith("embedded") for name in backends):
        texts.append(_SMALL)
    if mixed := _mixed_builds(manifests):
        texts.append(mixed)
    if idle := _idle_criteria(manifests):
        texts.append(idle)
    unequal = _unequal_seeds(frames)
    if unequal:
        texts.append(unequal)
    if incomplete := _incomplete_runs(frames):
        texts.append(incomplete)
    return texts


def _incomplete_runs(frames: StudyFrames) -> str:
    """Folders of runs that have no manifest, and are passed over."""
    folders = [path.name for path in frames.path.glob("runs/*/") if path.is_dir()]
    names = sorted(set(folders) - set(frames.manifests))
    if not names:
        return ""
    shown = ", ".join(f"runs/{name}" for name in names[:_MAX_LISTED])
    more = f" and {len(names) - _MAX_LISTED} more" if names[_MAX_LISTED:] else ""
    return (
        f"Left out since there is no manifest.json: {shown}{more}. Their commands, given again,"
        " complete them."
    )


def _mixed_builds(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Which builds of llama.cpp answered, where they are several or one is not known."""
    builds = builds_in(manifests)
    unrecorded = [m for m in manifests if str(m["backend"]).startswith("embedded")]
    unrecorded = [m for m in unrecorded if not m.get("llama_cpp")]
    # What is not recorded counts as one build more: it may have been another.
    if not builds or len(builds) + bool(unrecorded) < 2:
        return ""
    names = [build.description for build in sorted(builds)]
    names += ["one that is not recorded"] if unrecorded else []
    # Probabilities of grades know no schema: the words of verdicts and guidelines do.
    wording = ", and whose words may differ" if len({b.grammar for b in builds}) > 1 else ""
    return (
        "The embedded model was run by more than one build of llama.cpp, whose arithmetic rounds"
        f" otherwise{wording} ({'; '.join(names)}): small differences between these runs may be"
        " theirs."
    )


def _idle_criteria(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Criteria of checklists that tell no item from another, and for how many of the runs."""
    criteria = [entry for manifest in manifests for entry in manifest.get("criteria", [])]
    idle = Counter(
        f"{entry['dimension']}, {entry['question']!r}: {entry['note']}"
        for entry in criteria
        if entry["note"] and "fold" not in entry
    )
    lines = [f"{line} (runs: {count})" for line, count in sorted(idle.items())]
    # Each fold distils criteria of its own: too many to list, so they are counted.
    distilled = [entry for entry in criteria if "fold" in entry]
    if notes := sum(bool(entry["note"]) for entry in distilled):
        lines.append(f"{notes} of {len(distilled)} that folds distilled (manifest.json lists them)")
    if not lines:
        return ""
    text = "; ".join(lines)
    return (
        f"Some criteria of the checklist tell no item from another, as this judge answers: {text}."
    )


def _unequal_seeds(frames: StudyFrames) -> str:
    """Which judges lack fold seeds that others have, as in a sweep that is not finished."""
    rows = frames.predictions[["backend", "variant", "fold_seed"]].drop_duplicates()
    all_seeds = set(rows["fold_seed"])
    judges: dict[tuple[int, ...], list[str]] = {}
    for (backend, variant), part in rows.groupby(["backend", "variant"], sort=True):
        missing_seeds = tuple(sorted(all_seeds - set(part["fold_seed"])))
        if missing_seeds:
            place = "" if backend == NO_BACKEND else f" on {backend}"
            # By what is missing: judges that lack the same seeds share a clause.
            judges.setdefault(missing_seeds, []).append(f"{variant}{place}".replace(",", ", "))
    if not judges:
        return ""
    gaps = [
        f"{', '.join(map(str, missing_seeds))} not run for {'; '.join(names[:_MAX_LISTED])}"
        + (f" and {len(names) - _MAX_LISTED} more" if names[_MAX_LISTED:] else "")
        for missing_seeds, names in sorted(judges.items())
    ]
    return (
        f"Not every judge was run with every fold seed ({', and '.join(gaps)}). Contrasts pair the"
        " questions that both judges were asked; a judge's own numbers rest on what it was asked."
    )
