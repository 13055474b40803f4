import json

import pytest

from memalign_bench.config import composed, instance
from memalign_bench.errors import DataError, RequestError
from memalign_bench.loop.case_files import BundledCases, CaseFile
from memalign_bench.loop.cases import CaseFilter, CaseSet
from memalign_bench.types import NOT_APPLICABLE


@pytest.fixture(scope="module")
def rubric():
    return instance(composed("generate").cfg, "rubric")


@pytest.fixture(scope="module")
def bundled(rubric):
    return BundledCases("bundled").load(rubric)


def test_the_bundled_cases_are_those_of_the_bundled_corpus(rubric, bundled):
    from memalign_bench.datasets.folder import FolderSource

    data = FolderSource("genie_synth", seed=0).load(rubric)
    said = {item.case_id: (item.prompt, item.context) for item in data.item.values()}
    assert {case.case_id: (case.prompt, case.context) for case in bundled} == said
    assert len(bundled) == 25
    applies = {
        (data.item[label.item_id].case_id, label.dimension)
        for label in data.label_list
        if label.rater == "gold" and label.score is not NOT_APPLICABLE
    }
    assert {(case.case_id, name) for case in bundled for name in case.dimensions} == applies
    assert len(BundledCases("bundled", seed=1).load(rubric)) == 12


def test_the_hash_is_of_all_of_a_case_and_of_its_data(rubric, tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    base = {"case_id": "one", "prompt": "Do it.", "data": ["a.csv"], "tags": ["first"]}
    path = tmp_path / "cases.json"

    def hashed(**more):
        path.write_text(json.dumps([base | more]))
        [case] = CaseFile("files", str(path)).load(rubric)
        return case.hash

    first = hashed()
    assert hashed() == first
    others = [hashed(prompt="Do it!"), hashed(tags=[]), hashed(domain="retail"),
              hashed(dimensions=["model_use"])]  # fmt: skip
    (tmp_path / "a.csv").write_text("x\n2\n")
    others.append(hashed())
    assert len({first, *others}) == 6


def test_a_yaml_and_a_table_give_the_same_cases(rubric, tmp_path):
    (tmp_path / "cases.yaml").write_text(
        "sales:\n  prompt: Forecast sales.\n  domain: retail\n  dimensions: [model_use]\n"
        "churn:\n  prompt: Who leaves?\n  tags: [hard, new]\n"
    )
    (tmp_path / "cases.csv").write_text(
        "case_id,prompt,domain,dimensions,tags\nsales,Forecast sales.,retail,model_use,\n"
        "churn,Who leaves?,,,hard; new\n"
    )
    ours, theirs = (
        CaseFile("files", str(tmp_path / name)).load(rubric) for name in ("cases.yaml", "cases.csv")
    )
    assert ours == theirs
    assert [case.case_id for case in ours] == ["churn", "sales"]
    assert ours[0].dimensions == tuple(rubric.dimensions)
    assert ours[1].dimensions == ("model_use",)


def test_all_that_is_wrong_with_cases_is_said_at_once(rubric, tmp_path):
    path = tmp_path / "cases.yaml"
    path.write_text(
        "- {case_id: a/b, prompt: x}\n- {case_id: two, promt: x}\n"
        "- {case_id: three, prompt: x, dimensions: [model_usage], data: [none.csv]}\n- 5\n"
        "- {case_id: five, prompt: x, tags: {new: true}}\n"
    )
    with pytest.raises(DataError) as caught:
        CaseFile("files", str(path)).load(rubric)
    said = str(caught.value)
    for part in (
        "case 1: case_id must be letters",
        "unknown keys ['promt']",
        "has no prompt",
        "unknown dimensions ['model_usage']",
        "no file 'none.csv'",
        "case 4: must be",
        "case 5: tags must be a list, got {'new': True}",
    ):
        assert part in said
    path.write_text("- {case_id: a, prompt: x}\n- {case_id: a, prompt: y}\n")
    with pytest.raises(DataError, match="case 'a' stands twice"):
        CaseFile("files", str(path)).load(rubric)


def test_a_single_entry_needs_no_list(rubric, tmp_path):
    path = tmp_path / "cases.yaml"
    path.write_text("- {case_id: a, prompt: x, tags: 2024, dimensions: model_use}\n")
    [case] = CaseFile("files", str(path)).load(rubric)
    assert (case.tags, case.dimensions) == (("2024",), ("model_use",))


def test_filters_take_cases_and_refuse_values_that_no_case_has(bundled):
    some = CaseFilter(task_types=["forecasting"], dimensions=["data_imputation"]).of(bundled)
    assert some
    assert all(case.task_type == "forecasting" for case in some)
    assert len(CaseFilter(ids="flight-delays").of(bundled)) == 1
    assert len(CaseFilter().of(bundled, 3)) == 3
    with pytest.raises(RequestError) as caught:
        CaseFilter(domains=["avation"], sizes=["huge"]).of(bundled)
    assert "only.domains: no case has ['avation']; there are" in str(caught.value)
    assert "only.sizes: no case has ['huge']; there are large, medium, small" in str(caught.value)
    with pytest.raises(RequestError, match="no case of 25 passes all of"):
        CaseFilter(domains=["aviation"], task_types=["forecasting"]).of(bundled)


def test_a_set_of_cases_is_known_whatever_its_order(bundled):
    source = BundledCases("bundled")
    whole = CaseSet(source, bundled).digest
    assert CaseSet(source, bundled[::-1]).digest == whole
    assert CaseSet(source, bundled[1:]).digest != whole


def test_the_generator_makes_the_data_of_a_bundled_case(bundled, tmp_path):
    import pandas as pd

    case = next(case for case in bundled if case.case_id == "bakery-sales")
    files = BundledCases("bundled").files(case, tmp_path)
    assert [path.name for path in files] == ["bakery.csv", "bakery_week.csv"]
    assert len(pd.read_csv(files[0])) == 790  # what its line on the data says


def test_without_the_generator_it_is_said_what_to_install(bundled, tmp_path, monkeypatch):
    monkeypatch.setattr("memalign_bench.loop.case_files.entry_points", lambda **group: ())
    with pytest.raises(RequestError, match=r"pip install \./experiments/genie_synth"):
        BundledCases("bundled").files(bundled[0], tmp_path)
