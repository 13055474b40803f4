import os

from memalign_bench.backends.local.features import (
    Build,
    build_here,
    processor_flags,
    unused_features,
)
from memalign_bench.backends.local.library import load_llama_cpp

CPUINFO = "processor\t: 0\nmodel name\t: X\nflags\t\t: avx avx2 fma f16c bmi2 amx_bf16 {}\n"
WHEEL = Build("1", ("AVX", "AVX2", "BMI2", "F16C", "FMA", "OPENMP"))
AVX512 = "avx512f avx512bw avx512cd avx512dq avx512vl"


def lying(more):
    return unused_features(WHEEL, processor_flags(CPUINFO.format(more)))


def test_what_the_wheel_leaves_lying_is_read_from_the_processor():
    assert lying("") == ()  # amx_bf16 alone is no feature of llama.cpp
    assert lying(f"{AVX512} avx512_vnni") == ("AVX512", "AVX512_VNNI")
    assert lying("amx_tile amx_int8") == ("AMX_INT8",)


def test_avx_512_is_only_there_with_all_its_parts():
    assert lying("avx512f avx512bw") == ()


def test_a_machine_without_such_a_list_has_nothing_unused():
    assert processor_flags("CPU implementer : 0x41\nFeatures : fp asimd") == frozenset()


def test_its_threads_do_not_spin_whoever_loads_it_first_and_what_a_user_sets_stays(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    build_here()  # asked before a server starts, where a study holds answers already
    assert os.environ["GOMP_SPINCOUNT"] == "1000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    build_here()
    assert os.environ["GOMP_SPINCOUNT"] == "7"


def test_a_build_says_what_holds_an_answer_to_its_schema(monkeypatch):
    assert build_here().grammar in ("llguidance", "gbnf")
    # What the two kinds of build make of a schema (llama.cpp's common/json-schema-to-grammar.cpp).
    made = {
        "llguidance": '%llguidance {}\nstart: %json {"type":"string"}',
        "gbnf": 'char ::= [^"\\\\\\x7F\\x00-\\x1F]\nroot ::= "\\"" char* "\\"" space\n',
    }
    for name, text in made.items():
        monkeypatch.setattr(load_llama_cpp(), "json_schema_to_grammar", lambda _, text=text: text)
        assert build_here().grammar == name
    assert build_here().description.endswith(", schemas by gbnf")
