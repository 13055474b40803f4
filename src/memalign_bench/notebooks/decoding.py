"""Bytes of a file as text, in whichever Unicode encoding it was saved; nothing is replaced."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from memalign_bench.errors import UnreadableError

__all__ = ["Decoded", "decode"]


class Decoded(NamedTuple):
    """A text, and a note on how it was saved ("" where it is plain UTF-8)."""

    text: str
    told: str


def decode(raw: bytes, where: str) -> Decoded:
    """Decode UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    >>> decode("é".encode("utf-16"), "a.csv")
    Decoded(text='é', told='was saved as UTF-16')

    Raises:
        UnreadableError: If the bytes are none of these (latin-1, say, as of old), with the
            line and the byte.
    """
    # By the byte order mark, else by which of the first bytes are zero.
    encoding = json.detect_encoding(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"0x{raw[error.start]:02x}" if error.start < len(raw) else "the end"
        name = encoding.removesuffix("-sig").upper()
        problem = (
            f"line {line}: not {name} (byte {error.start}, {byte}){_old_reading(raw, error.start)};"
        )
        raise UnreadableError(where, [f"{problem} save it as UTF-8."]) from None
    if encoding == "utf-8-sig":
        return Decoded(text, "begins with a byte order mark")
    # The first six letters: `UTF-16` of `utf-16-le` and `utf-16`.
    return Decoded(text, "" if encoding == "utf-8" else f"was saved as {encoding[:6].upper()}")


def _old_reading(raw: bytes, at: int) -> str:
    """How the word there reads in the encoding that spreadsheets save; "" where it is no word."""
    start = max(0, at - 20)
    # One letter a byte, so that places in the text are those in the bytes.
    around = raw[start : at + 20].decode("cp1252", "replace")
    words = (word for word in re.finditer(r"\w+", around) if at - start in range(*word.span()))
    return "".join(f", as Windows-1252 it reads {word[0]!r}" for word in words)
