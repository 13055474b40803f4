import numpy as np
import pandas as pd
import pytest

from genie_synth.realisations import WRITING_ORDER, realisations
from genie_synth.sketch.case import DIMENSIONS, Case
from genie_synth.sketch.cells import STAGES, AuthorStyle, DraftCell, Names
from genie_synth.sketch.imports import bound_names, needed, scatter, tidy
from genie_synth.sketch.sketch import Sketch


def _frame(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({"a": rng.normal(size=20), "y": rng.integers(0, 2, 20)})


CASE = Case("toy", 0, "Predict y.", "toys", "classification", "y", ("a",), (), "toy.csv", _frame)


def _sketch(**style) -> Sketch:
    sketch = Sketch(CASE, Names(df="table", X="A"), AuthorStyle(**style), item_id="toy-a")
    sketch.begin("model_training")
    return sketch


def test_names_are_put_in_and_other_dollars_and_braces_stay():
    cell = _sketch().code("load", 'price = {"$": $df, "X": $X}  # $dfs', "$df")
    assert cell.source == 'price = {"$": table, "X": A}  # $dfs'
    assert cell.evidence == [("model_training", "table")]


def test_evidence_must_be_in_the_cell():
    with pytest.raises(ValueError, match="'nowhere' is not in the cell"):
        _sketch().code("load", "x = 1", "nowhere")


def test_a_source_that_does_not_parse_is_refused():
    with pytest.raises(ValueError, match="toy-a, model_training"):
        _sketch().code("load", "x = = 1")


def test_unknown_stage_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="imports, load"):
        _sketch().code("loading", "x = 1")


def test_quotes_change_only_where_the_meaning_stays():
    sketch = _sketch(quote="'")
    assert sketch.code("load", 'x = "a"', 'x = "a"').evidence == [("model_training", "x = 'a'")]
    nested = 'x = "it\'s"'
    assert sketch.code("load", nested).source == nested
    mixed = "x = 'say \"hi\"'"
    assert sketch.code("load", mixed).source == mixed


def test_comments_go_where_the_author_writes_none_but_evidence_stays():
    sketch = _sketch(comments=False)
    source = "# old\nx = 1\n# kept\ny = 2"
    assert sketch.code("load", source, "# kept").source == "x = 1\n# kept\ny = 2"


def test_cells_come_by_stage_and_within_it_in_the_order_of_writing():
    sketch = _sketch()
    sketch.code("train", "a = 1")
    sketch.code("load", "b = 1")
    sketch.text("train", "why")
    assert [cell.source for cell in sketch.ordered()] == ["b = 1", "a = 1", "why"]


def test_frame_and_draws_are_the_same_every_time():
    one, other = _sketch(), _sketch()
    assert one.frame.equals(other.frame)
    assert one.rng.random() == other.rng.random()


def test_all_dimensions_write_once():
    assert sorted(WRITING_ORDER) == sorted(DIMENSIONS)
    assert len(set(STAGES)) == len(STAGES)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_corpora_share_no_realisation_and_names_are_unique(dimension):
    names = [entry.name for corpus in (0, 1) for entry in realisations(dimension, corpus)]
    assert names
    assert len(set(names)) == len(names)
    codes = [{id(entry.write) for entry in realisations(dimension, corpus)} for corpus in (0, 1)]
    assert not codes[0] & codes[1]


def _cell(source: str) -> DraftCell:
    return DraftCell("code", "train", source)


def test_only_imports_that_are_used_are_needed():
    lines = ["import numpy as np", "from scipy import stats"]
    assert needed(lines, [_cell("np.zeros(3)")]) == ["import numpy as np"]
    assert bound_names("import os.path") == ["os"]


def test_imports_are_merged_and_sorted():
    lines = ["from b import z", "import b", "from b import a", "import json"]
    assert tidy(lines) == ["import json", "", "import b", "from b import a, z"]


def test_scattered_imports_stand_where_they_are_first_used():
    cells = [_cell("x = 1"), _cell("np.zeros(3)"), _cell("np.ones(3)")]
    assert scatter(["import numpy as np"], cells) == [cells[1]]
    assert cells[1].source == "import numpy as np\n\nnp.zeros(3)"
