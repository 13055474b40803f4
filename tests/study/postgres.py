"""A private PostgreSQL cluster on loopback, from the server binaries of the system."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mlflow_server import free_port

USER, PASSWORD = "tracker", "planted-in-postgres"


def lacking() -> str:
    """What is missing for a cluster, for a reason to skip; empty where nothing is."""
    if _binaries() is None:
        return "no PostgreSQL server here (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and (_owner() is None or shutil.which("runuser") is None):
        return "PostgreSQL does not run as root, and there is no user postgres to run it as"
    return ""


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a cluster with one user and a password; gives its address, stops and deletes it."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        # Beside pytest's own folder, which a user other than root may not enter.
        home = Path(name) if os.geteuid() == 0 else folder
        password = home / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        if os.geteuid() == 0:
            for path in (home, password):
                shutil.chown(path, _owner())
        data, port = home / "data", free_port()
        _call("initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", "--pwfile", password, "-N")
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        )
        _call("pg_ctl", "-D", data, "-w", "-t", "60", "-l", home / "log", "-o", options, "start")
        try:
            yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            _call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


def _call(program: str, *words: str | Path) -> None:
    command = [str(Path(_binaries() or "", program)), *map(str, words)]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    # The server would hold a pipe open for as long as it lives.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, cwd="/", stdout=said, stderr=said, check=False)
        said.seek(0)
        assert done.returncode == 0, said.read().decode()


def _binaries() -> Path | None:
    """The newest server of Debian's packages, else the one on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


def _version(path: Path) -> float:
    return float(path.parts[-3])


def _owner() -> str | None:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None
