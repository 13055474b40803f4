from collections import Counter

import pytest

from memalign_bench.datasets.planted import MATERIALS, PlantedSource
from memalign_bench.errors import RequestError


def test_the_material_alone_decides_the_score(spec_of):
    data = PlantedSource().load(spec_of().rubric)
    of_score = {m: s for s, materials in MATERIALS.items() for m in materials}
    assert len(data.item) == 60
    assert len({item.case_id for item in data.item.values()}) == 30
    for label in data.label_list:
        words = data.item[label.item_id].content.split()
        [score] = {of_score[word] for word in words if word in of_score}
        assert label.score == score
    assert Counter(label.score for label in data.label_list) == {1: 20, 2: 20, 3: 20}


def test_another_seed_is_another_draw(spec_of):
    rubric = spec_of().rubric
    assert PlantedSource().load(rubric).digest == PlantedSource().load(rubric).digest
    assert PlantedSource(seed=1).load(rubric).digest != PlantedSource().load(rubric).digest


def test_it_refuses_another_rubric(spec_of):
    with pytest.raises(RequestError, match="goes with rubric=planted"):
        spec_of("rubric=ml_notebooks").dataset.load(spec_of("rubric=ml_notebooks").rubric)
