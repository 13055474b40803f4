"""A headless Chromium under test: one page, asked over the pipe of its debugging protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

_WORDS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe")


class Browser:
    """One tab; what its console says is an error of the test."""

    def __init__(self, into: int, out: int) -> None:
        self._into, self._out = into, out
        self._count, self._session = 0, None
        self._rest = b""
        self.said: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        made = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = made["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        self._count += 1
        session = {"sessionId": self._session} if self._session else {}
        words = {"id": self._count, "method": method, "params": params, **session}
        os.write(self._into, json.dumps(words).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == self._count:
                assert "error" not in told, told
                return told["result"]
            self._note(told)

    def _read(self) -> Any:
        while b"\0" not in self._rest:
            part = os.read(self._out, 1 << 20)
            assert part, "Chromium is gone"
            self._rest += part
        first, self._rest = self._rest.split(b"\0", 1)
        return json.loads(first)

    def _note(self, told: Any) -> None:
        if told.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown",
                                  "Log.entryAdded"):  # fmt: skip
            self.said.append(json.dumps(told["params"]))

    def open(self, page: Path, address: str = "", width: int = 1280, height: int = 800,
             scheme: str = "light") -> None:  # fmt: skip
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url="about:blank")  # another anchor alone would not load anew
        self.call("Page.navigate", url=f"file://{page}#{address}")
        while self.ask("document.readyState + location.protocol") != "completefile:":
            pass

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=code, **extra)  # fmt: skip


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, gone afterwards."""
    (theirs_in, ours_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
    line = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
    words = ["bash", "-c", line, str(CHROMIUM), *_WORDS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        words, pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL, text=False
    )
    for end in (theirs_in, theirs_out):
        os.close(end)
    try:
        yield Browser(ours_in, ours_out)
    finally:
        process.kill()
        process.wait()
        for end in (ours_in, ours_out):
            os.close(end)
