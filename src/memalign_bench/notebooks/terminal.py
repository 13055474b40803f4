r"""What a terminal would show of a text: no escape sequences, overwritten lines as they ended.

Progress bars write a line again and again, apart by "\r" (tqdm) or by moving the cursor up (rich,
nested bars); a notebook stores every state. Only columns are not followed: whatever is written
after a return replaces its line.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["plain_text", "says_nothing", "screen_text"]

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<args>[0-?]*)[ -/]*(?P<code>[@-~])"  # CSI: colours, cursor, erasing
    r"|(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: links
    r"|\x1b[ -/]*[0-~]?"  # all others, and what was cut off
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
_ESCAPE_OR_BREAK = re.compile(rf"{_ESCAPE.pattern}|[\r\n]")
_MOVE = re.compile(r"[\r\x1b\x90-\x9f]")
_COLOUR_ESCAPE = re.compile(r"\x1b\[[0-9;:]*m")
_MAX_CHARACTERS = 5_000_000
"""What is printed after so much is not read: what is kept of an output is far shorter."""


def plain_text(text: str) -> str:
    r"""The text without escape sequences and other control characters; lines stay as they are.

    >>> plain_text("\x1b[31m12 rows\x1b[0m\x00")
    '12 rows'
    """
    return _CONTROL.sub("", _ESCAPE.sub("", text))


def says_nothing(text: str) -> bool:
    r"""Whether nothing of a text can be seen: blanks, controls, signs without a shape (U+200B).

    >>> says_nothing(" \x1b[0m\n"), says_nothing("\ufeff\u200b"), says_nothing("0")
    (True, True, False)
    """
    return all(sign.isspace() or unicodedata.category(sign) == "Cf" for sign in plain_text(text))


def screen_text(text: str) -> str:
    r"""The text as it would stand on a screen.

    >>> screen_text("\r 0 %\r 50 %\r100 %\n\x1b[32mdone\x1b[0m\n")
    '100 %\ndone\n'
    """
    # Colours first: they are frequent, and move nothing.
    text = _apply_backspaces(_COLOUR_ESCAPE.sub("", text[:_MAX_CHARACTERS]))
    if not _MOVE.search(text):
        return _CONTROL.sub("", text)
    screen = _Screen()
    start = 0
    for step in _ESCAPE_OR_BREAK.finditer(text):
        screen.write(text[start : step.start()])
        screen.move(step)
        start = step.end()
    screen.write(text[start:])
    return _CONTROL.sub("", "\n".join(screen.lines))


def _apply_backspaces(text: str) -> str:
    """The text with every backspace carried out."""
    if "\x08" not in text:
        return text
    kept: list[str] = []
    for character in text:
        if character != "\x08":
            kept.append(character)
        # A terminal's backspace does not leave its line.
        elif kept and kept[-1] not in "\r\n":
            kept.pop()
    return "".join(kept)


class _Screen:
    r"""Lines, and the one that is written to.

    A line that the cursor has come back to is kept until something is written over it: that "\r\n"
    ends a line, and does not wipe it, depends on it.
    """

    def __init__(self) -> None:
        self.lines = [""]
        self.row = 0
        self.back = False

    def write(self, text: str) -> None:
        """Write at the cursor."""
        if not text:
            return
        self.lines[self.row] = text if self.back else self.lines[self.row] + text
        self.back = False

    def move(self, step: re.Match[str]) -> None:
        """Follow a line break or an escape sequence."""
        character = step[0]
        if character == "\r":
            self.back = True
        elif character == "\n":
            self._down()
        elif step["code"] in ("A", "F"):  # up; a number says how often
            # Cut, since `int` refuses numbers of thousands of digits.
            count = step["args"][:6]
            self.row = max(self.row - (int(count) if count.isdecimal() else 1), 0)
            self.back = True
        elif step["code"] == "G" and step["args"] in ("", "0", "1"):  # to the first column
            self.back = True
        # K erases from the cursor on, so the whole line where it stands at its start; 2K always.
        elif step["code"] == "K" and (self.back or step["args"] == "2"):
            self.lines[self.row] = ""
        elif step["code"] == "J":
            self._wipe(whole=step["args"] in ("2", "3"))

    def _wipe(self, *, whole: bool) -> None:
        """Erase everything that is shown, or everything behind the cursor."""
        if whole:
            self.row = 0
        self.lines[self.row + 1 :] = []
        if whole or self.back:
            self.lines[self.row] = ""

    def _down(self) -> None:
        """Move to the next line, which may have been written before."""
        self.row += 1
        self.back = self.row < len(self.lines)  # below may be a line written before
        if not self.back:
            self.lines.append("")
