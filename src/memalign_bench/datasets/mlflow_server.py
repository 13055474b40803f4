"""How the suite talks to an MLflow server: one that is away is reported within half a minute."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memalign_bench.errors import RequestError, refuse

__all__ = [
    "address_faults",
    "all_traces",
    "existing_store",
    "limit_tries",
    "short_waits",
    "store_is_there",
    "without_userinfo",
]

_MAX_RETRIES = "2"
"""How often MLflow tries again to reach a server: its own seven take five minutes."""

_FIRST_WAIT_S = "8"
"""Seconds that a first answer may take: with two more tries and the pauses between, half a minute
in all where nothing answers. MLflow's own 120 stay for what comes after it."""

_TIMEOUT_VARIABLE = "MLFLOW_HTTP_REQUEST_TIMEOUT"

_PAGE_SIZE = 200
"""Traces asked for at once."""

_BARE_SERVER = re.compile(r"[\w.-]+:\d+(/\S*)?")
"""Host and port without http://."""

_USERINFO = re.compile(r"//[^/@\s]*@")
"""Name and password in an address."""


def limit_tries() -> None:
    """Have MLflow give up on a server soon, unless the environment says otherwise."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _MAX_RETRIES)


def address_faults(key: str, uri: str | None) -> list[str]:
    """What is wrong with an address, told by its key; nothing where MLflow can take it.

    >>> address_faults("tracker.uri", "localhost:5000")
    ["tracker.uri: 'localhost:5000' is a folder to MLflow; a server is http://localhost:5000."]
    """
    if not uri:
        return [f"{key} must be the address of an MLflow server or store, got {uri!r}."]
    # MLflow would speak of its file stores, and of no server.
    if _BARE_SERVER.fullmatch(uri):
        return [f"{key}: {uri!r} is a folder to MLflow; a server is http://{uri}."]
    return []


def store_is_there(address: str) -> bool:
    """Whether a store can be asked without being made: any but a database file that is missing."""
    path = address.removeprefix("sqlite:///")
    # Any other address may be a server, of which nothing can be told from here.
    return path == address or Path(path).is_file()


def existing_store(uri: str | None) -> str:
    """The address of a store that is to be read; MLflow would make an empty one where none is.

    Args:
        uri: The address; None for MLflow's own (`MLFLOW_TRACKING_URI`).

    Raises:
        RequestError: If it is a database file that is not there, or no address.
    """
    import mlflow

    address = uri or mlflow.get_tracking_uri()
    refuse(address_faults("dataset.tracking_uri (label: server.uri)", address))
    if not store_is_there(address):
        raise RequestError(
            f"there is no MLflow store at {address}, so there is no experiment to read; name the"
            " server or the store that has it with dataset.tracking_uri= (label: server.uri=) or"
            " MLFLOW_TRACKING_URI."
        )
    return address


def all_traces(client: Any, experiment_id: str, **filters: Any) -> Iterator[Any]:
    """Every trace of an experiment, fetched page by page; `filters` as `search_traces` takes it."""
    token: str | None = None
    while True:
        page = client.search_traces(
            locations=[experiment_id], max_results=_PAGE_SIZE, page_token=token, **filters
        )
        yield from page
        token = page.token
        if not token:
            return


@contextmanager
def short_waits() -> Iterator[None]:
    """Wait briefly for each answer, as one does for a server that may not be there."""
    limit_tries()
    # A limit that the user has set stands.
    if _TIMEOUT_VARIABLE in os.environ:
        yield
        return
    # MLflow looks the variable up at each request.
    os.environ[_TIMEOUT_VARIABLE] = _FIRST_WAIT_S
    try:
        yield
    finally:
        os.environ.pop(_TIMEOUT_VARIABLE, None)


def without_userinfo(text: str) -> str:
    """A text whose addresses hold no name and password.

    >>> without_userinfo("postgresql://ann:secret@host/db is away")
    'postgresql://host/db is away'
    """
    return _USERINFO.sub("//", text)
