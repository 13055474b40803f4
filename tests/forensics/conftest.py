import pytest

from memalign_bench.forensics import read_figures, shipped_figures


@pytest.fixture(scope="session")
def study():
    """The published study's figures, as they ship."""
    return shipped_figures()


@pytest.fixture
def study_of(tmp_path):
    """Figures from the text of a file."""

    def made(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return read_figures(path)

    return made
