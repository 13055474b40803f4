import json

from nbformat import v4

from genie_synth.audit.labels import audit_labels, lost_evidence
from memalign_bench.datasets.dataset import Evidence, LabelledDataset
from memalign_bench.notebooks.views import ViewSettings
from memalign_bench.types import DimensionRubric, Item, Label, Rubric, Scale, ViewRule

RUBRIC = Rubric(
    "r",
    "notebook",
    Scale((1, 2, 3), ("bad", "average", "good")),
    {
        "q": DimensionRubric(
            "q", "Q", "?", {1: "No.", 2: "So.", 3: "Yes."}, "n/a", ViewRule("cells", ("fit",))
        )
    },
)
NOTEBOOK = json.dumps(
    v4.new_notebook(cells=[v4.new_code_cell("model.fit(X)"), v4.new_code_cell("secret = 1")])
)


def data(*snippets):
    items = [Item(f"i{n}", f"c{n}", "", "", "notebook", NOTEBOOK) for n in range(3)]
    scores = {"gold": (1, 3, 0), "r1": (2, 3, 0), "r2": (3, 3, 1)}
    labels = [
        Label(f"i{n}", "q", rater, score, "")
        for rater, given in scores.items()
        for n, score in enumerate(given)
    ]
    evidence = (
        Evidence("i0", "q", "x", 3, snippets),
        Evidence("i1", "q", "x", 3, ()),
        Evidence("i2", "q", "x", 0, ()),
    )
    return LabelledDataset.of("d", items, labels, evidence=evidence)


def test_what_a_view_does_not_show_is_lost():
    made = data("model.fit(X)", "secret = 1")
    lost = lost_evidence(made, RUBRIC, ViewSettings("v", 200, 50))
    assert [(entry.item_id, entry.snippet) for entry in lost] == [("i0", "secret = 1")]
    [audit] = audit_labels(made, RUBRIC, lost)
    assert (audit.n_evidence, audit.n_seen) == (2, 1)


def test_distances_are_taken_where_both_say_it_applies():
    [audit] = audit_labels(data(), RUBRIC, [])
    assert audit.counts == {0: 1, 1: 1, 3: 1}
    assert audit.literal_distance == (2 + 0) / 2
    assert audit.rater_noise == {"r1": 0.5, "r2": 1.0}
