import pytest

from genie_synth.compose import join_cells, order_of_counts, stratum
from genie_synth.raters.rationales import Writer, slots
from genie_synth.realisations.parts.cell_organization import printed_inside
from genie_synth.sketch.cells import DraftCell


def _code(source: str, stage: str = "features", **more) -> DraftCell:
    return DraftCell("code", stage, source, **more)


@pytest.fixture(scope="module")
def items(drafts_of):
    return drafts_of(0)[:6]


def test_only_silent_neighbours_of_one_stage_are_joined():
    cells = [
        _code("a = 1", evidence=[("model_use", "a = 1")]),
        _code("b = 2\nb"),
        _code("c = 3"),
        _code("d = 4", stage="split"),
    ]
    joined = join_cells(cells, 1)
    assert [cell.source for cell in joined] == ["a = 1\nb = 2\nb", "c = 3", "d = 4"]
    assert joined[0].evidence == [("model_use", "a = 1")]


def test_no_more_is_joined_than_needed_and_roles_are_kept_apart():
    cells = [_code("a = 1"), _code("b = 2"), _code("long_name = 3"), _code("d()", role="fails")]
    assert [cell.source for cell in join_cells(cells, 3)] == [
        "a = 1\nb = 2",
        "long_name = 3",
        "d()",
    ]
    assert len(join_cells(cells, 1)) == 2
    assert join_cells(cells, 30) == cells


@pytest.mark.parametrize("kind", ["in_order", "swapped", "late_rerun", "jumping", "bottom_first"])
def test_only_disorder_breaks_the_order(kind):
    counts = order_of_counts(12, kind)
    assert len(set(counts)) == 12
    assert (counts == sorted(counts)) == (kind == "in_order")


def test_unknown_disorder_is_refused():
    with pytest.raises(ValueError, match="'sideways'"):
        order_of_counts(3, "sideways")


def test_what_a_cell_showed_is_printed_inside_a_larger_one():
    cell = _code("x = 1\nx.head()  # look", evidence=[("a", "x = 1\nx.head()"), ("a", "x.head()")])
    printing = printed_inside(cell)
    assert printing.source == "x = 1\nprint(x.head())  # look"
    assert [part for _, part in printing.evidence] == ["x = 1\nprint(x.head())", "x.head()"]
    silent = _code("plt.show()")
    assert printed_inside(silent) is silent


def test_a_stratum_names_task_and_what_does_not_apply(items):
    case = items[0].case
    absent = {d for d in items[0].rulings if items[0].rulings[d].score == 0}
    task, _, rest = stratum(case).partition("|")
    assert task == case.task
    assert set(filter(None, rest.split(","))) == absent


def test_rationales_name_their_cell_and_never_repeat(items):
    writer = Writer(0)
    texts = [
        writer.write(item, "model_training", f"rater_{i}", item.rulings["model_training"].score)
        for item in items
        for i in range(4)
    ]
    assert len(set(texts)) == len(texts)
    for item in items:
        known = slots(item, "model_training")
        cells = [found.cell + 1 for found in item.evidence["model_training"]]
        assert int(known["where"].removeprefix("cell ")) in cells
        assert not known["code"] or any(
            known["code"] in found.snippet for found in item.evidence["model_training"]
        )


def test_a_rater_who_differs_says_the_grade(items):
    item = next(i for i in items if i.rulings["model_training"].score == 2)
    assert "bad" in Writer(0).write(item, "model_training", "rater_1", 1)
    assert "good" in Writer(0).write(item, "model_training", "rater_3", 3)
