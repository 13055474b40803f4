import zipfile
from functools import partial

import pytest

from memalign_bench.backends.local.build_proof import Proof, Trial, compare_builds, run_trial
from memalign_bench.backends.local.native_build import (
    build_attempts,
    first_proven,
    install,
    pinned_requirement,
)
from memalign_bench.errors import BackendError, RequestError

AVX512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
FLAGS = {"avx", "avx2", "fma", "f16c", "bmi2", "avx_vnni", "avx512_vnni", "amx_tile", "amx_int8"}
SOUND = Trial((0.25, 0.25, 0.5), (0.25, 0.25, 0.5), 200.0, ("AVX", "AVX512"))


def compilers(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return build_attempts(FLAGS | AVX512, str(folder))


def wheel(folder, code):
    path = folder / "xllamacpp-9.0-py3-none-any.whl"
    info = "xllamacpp-9.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xllamacpp/__init__.py", code)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: xllamacpp\nVersion: 9.0")
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        archive.writestr(f"{info}/WHEEL", tags)
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_clang_finds_features_out_and_gcc_is_told_those_it_can_be_trusted_with(tmp_path):
    names = ("clang-9", "clang++-9", "clang-19", "clang++-19", "clang-20", "gcc", "g++")
    first, second = compilers(tmp_path / "bin", *names)
    assert first == ("clang-19", "clang++-19", ("-DGGML_NATIVE=ON",))  # 20 has no C++ beside it
    assert (second.cc, second.cxx) == ("gcc", "g++")
    on = {option for option in second.options if option.endswith("=ON")}
    wanted = ("AVX", "AVX2", "FMA", "F16C", "BMI2", "AVX512", "AVX512_VNNI")
    assert on == {f"-DGGML_{name}=ON" for name in wanted}
    for name in ("NATIVE", "AVX512_VBMI", "AVX_VNNI", "AMX_INT8"):
        assert f"-DGGML_{name}=OFF" in second.options


def test_a_plain_clang_goes_before_one_with_a_version_and_none_gives_no_way(tmp_path):
    [found] = compilers(tmp_path / "a", "clang", "clang++", "clang-19", "clang++-19")
    assert found.cc == "clang"
    assert [way.cc for way in compilers(tmp_path / "b", "cc", "c++")] == ["cc"]
    assert compilers(tmp_path / "c", "gcc", "clang-19") == []


def test_the_pin_is_taken_from_the_lock_with_its_hashes(tmp_path):
    lock = tmp_path / "requirements.lock"
    entry = "xllamacpp==1.2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    lock.write_text(f"wrapt==1 \\\n    --hash=sha256:00\n{entry}    # via x\nzipp==1\n")
    assert pinned_requirement(lock) == entry
    lock.write_text("xllamacpp==1.2\n")
    with pytest.raises(RequestError, match="does not pin xllamacpp with hashes"):
        pinned_requirement(lock)
    with pytest.raises(RequestError, match="cannot be read"):
        pinned_requirement(tmp_path / "none.lock")


def test_a_wheel_that_crashes_is_refused_by_its_signal_and_the_next_way_is_tried(tmp_path):
    ways = compilers(tmp_path / "bin", "clang", "clang++", "gcc", "g++")
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
    built, said = [], []

    def build(way):
        if way.cc == "gcc":
            raise BackendError("it could not be built")
        built.append(wheel(tmp_path, code))
        return built[-1]

    def prove(path):
        install(path, tmp_path / "site")
        return compare_builds(tmp_path / "site", partial(run_trial, tmp_path / "no.gguf"))

    assert first_proven(ways, build, prove, said.append) is None
    assert len(built) == 1
    assert "the build with clang is refused: it crashed (SIGILL)" in said
    assert said[-1] == "the build with gcc is refused: it could not be built"


def test_the_first_wheel_that_stands_the_proof_is_taken_and_no_other_built(tmp_path):
    ways = compilers(tmp_path / "bin", "clang", "clang++", "gcc", "g++")
    proof = Proof(200.0, 100.0, 2.0, ("AVX",))
    found = first_proven(ways, lambda way: tmp_path / way.cc, lambda _: proof, lambda _: None)
    assert found == (ways[0], tmp_path / "clang", proof)


def trial(mine):
    """Trials as two builds would give them: that in a folder, and the one in use."""
    given, before = iter(mine), SOUND._replace(rate=100.0, features=("AVX",))
    return lambda folder: before if folder is None else next(given)


def test_a_sound_and_faster_build_is_proven_with_its_factor(tmp_path):
    rates = (150.0, 300.0, 200.0)
    proof = compare_builds(tmp_path, trial([SOUND._replace(rate=rate) for rate in rates]))
    assert proof == (200.0, 100.0, 2.0, ("AVX", "AVX512"))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"probabilities": (0.2, 0.2, 0.2), "again": (0.2, 0.2, 0.2)}, "do not sum to 1"),
        ({"probabilities": (float("nan"),) * 3}, "do not sum to 1"),
        ({"again": (0.25, 0.26, 0.49)}, "other bits"),
        ({"probabilities": (0.4, 0.2, 0.4), "again": (0.4, 0.2, 0.4)}, "off by 0.150"),
        ({"rate": 99.0}, "no faster"),
        ({"features": ("AVX",)}, "no more of the processor"),
    ],
)
def test_what_is_wrong_with_a_build_is_said(tmp_path, changed, why):
    with pytest.raises(BackendError, match=why):
        compare_builds(tmp_path, trial([SOUND._replace(**changed)] * 3))


def test_a_build_that_answers_otherwise_when_started_again_is_refused(tmp_path):
    other = SOUND._replace(probabilities=(0.26, 0.25, 0.49), again=(0.26, 0.25, 0.49))
    with pytest.raises(BackendError, match="each time it is started"):
        compare_builds(tmp_path, trial([SOUND, other, SOUND]))


def test_a_build_that_cannot_load_the_model_says_why(tmp_path):
    with pytest.raises(BackendError, match=r"it failed \(.*no\.gguf"):
        run_trial(tmp_path / "no.gguf")


def test_a_wheel_in_use_that_fails_is_not_taken_for_the_build(tmp_path):
    def failing(folder):
        if folder is None:
            raise BackendError("it gave no answer")
        return SOUND

    with pytest.raises(BackendError, match="wheel in use could not be tried beside it: it gave"):
        compare_builds(tmp_path, failing)
