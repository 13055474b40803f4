"""A data set with a known answer: a latent feature decides the score, memory carries it.

Sixty short notes over thirty cases. Each note names one of nine materials; the material alone
decides the score, and nothing in the rubric says how. A note's neighbours (same material, same
few companion words) and the rationales of the training items carry the rule, so a judge that reads
its memory can learn it and one that does not cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import Generator

from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.errors import RequestError
from memalign_bench.seeding import generator
from memalign_bench.types import Item, Label, Rubric

__all__ = ["MATERIALS", "PlantedSource"]

MATERIALS: Mapping[int, Mapping[str, tuple[str, ...]]] = {
    1: {
        "cobalt": ("blue", "glaze", "kiln"),
        "tallow": ("candle", "wick", "mould"),
        "jute": ("sack", "weave", "bale"),
    },
    2: {
        "walnut": ("panel", "grain", "veneer"),
        "pewter": ("tankard", "rim", "polish"),
        "felt": ("hat", "brim", "steam"),
    },
    3: {
        "marble": ("column", "quarry", "vein"),
        "silk": ("thread", "loom", "dye"),
        "amber": ("bead", "resin", "shore"),
    },
}
"""Score -> material -> its companion words."""

_PLACES = ("harbour", "market", "workshop", "archive", "station", "museum", "mill", "school")
_ACTS = ("listed", "measured", "stored", "shipped", "repaired", "photographed", "weighed", "sold")
_TIMES = ("in spring", "last year", "on Monday", "before noon", "at dusk", "in two days")


@dataclass(frozen=True)
class PlantedSource:
    """The planted data set.

    Attributes:
        name: Name of the YAML choice.
        seed: Which draw of it.
        cases: Cases, each with two notes.
        notice: What every reader of its numbers must know.
        synthetic: Whether its items are generated and its raters simulated.
    """

    name: str = "planted"
    seed: int = 0
    cases: int = 30
    notice: str = ""
    synthetic: bool = False

    def load(self, rubric: Rubric) -> LabelledDataset:
        """Make it.

        Raises:
            RequestError: If the rubric is not the planted one.
        """
        if list(rubric.dimensions) != ["planted_quality"]:
            raise RequestError(
                f"dataset=planted goes with rubric=planted, not with rubric={rubric.name!r}."
            )
        pairs = [self._note(case, part) for case in range(self.cases) for part in range(2)]
        return LabelledDataset.of(
            self.name,
            [item for item, _ in pairs],
            [label for _, label in pairs],
            notice=self.notice,
        )

    def _note(self, case: int, part: int) -> tuple[Item, Label]:
        """One note of a case, and its label."""
        rng = generator(self.seed, "planted", case, part)
        # Every score equally often; a case's two notes have different ones.
        score = 1 + (case + part) % 3
        # In the order in which they stand, on which the draw depends.
        material = list(MATERIALS[score])[int(rng.integers(len(MATERIALS[score])))]
        companions = MATERIALS[score][material]
        words = [companions[int(place)] for place in rng.permutation(len(companions))[:2]]
        where, verb, time = (_pick(rng, group) for group in (_PLACES, _ACTS, _TIMES))
        text = (
            f"Note {case + 1}: the {where} {verb} its {material} {time}."
            f" The {words[0]} and the {words[1]} are described, {verb} with care."
        )
        item = Item(
            item_id=f"note-{case:02d}-{'ab'[part]}",
            case_id=f"case-{case:02d}",
            prompt="Write a short note on what came in.",
            context="",
            kind="text",
            content=text,
        )
        # The material, from which the score follows, is what memory can carry over.
        rationale = f"The {words[0]} of the {material} at the {where} decides it."
        return item, Label(item.item_id, "planted_quality", "gold", score, rationale)


def _pick(draw: Generator, words: tuple[str, ...]) -> str:
    return words[int(draw.integers(len(words)))]
