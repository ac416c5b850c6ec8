"""Standard error, shared by progress, logs and the output of child processes.

There is at most one live line, and it is always the last one: other lines are written above it. Without a terminal
there is no live line. Any thread may write.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from functools import cache
from typing import TextIO

ERASE_LINE = "\r\x1b[2K"
RESET = "\x1b[0m"


class Terminal:
    """Lines, and one live line, on a stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to `stream`, or if that is None, to whatever `sys.stderr` is at the time of writing."""
        self._given = stream
        self._lock = threading.RLock()
        self._live = ""

    @property
    def _stream(self) -> TextIO:
        return self._given or sys.stderr

    @property
    def is_live(self) -> bool:
        """Whether a line can be redrawn in place."""
        return self._stream.isatty() and os.environ.get("TERM") != "dumb"

    def line(self, text: str) -> None:
        """Write a line that stays."""
        with self._lock:
            self._write(f"{self._erased()}{text}\n{self._live}")

    def live(self, text: str) -> None:
        """Replace the live line; an empty text removes it. Does nothing without a terminal."""
        if not self.is_live:
            return
        with self._lock:
            erased = self._erased()
            # One column stays free: on some terminals a full line would wrap, and could not be erased.
            self._live = text[: shutil.get_terminal_size().columns - 1]
            self._write(erased + self._live)

    def coloured(self, text: str, code: int) -> str:
        """The text in an ANSI colour, where colours are shown and not refused by NO_COLOR."""
        if not self.is_live or os.environ.get("NO_COLOR"):
            return text
        return f"\x1b[{code}m{text}{RESET}"

    def _erased(self) -> str:
        return ERASE_LINE if self._live else ""

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # A reader that is gone (a closed pipe or terminal) must not end the job.
            return


@cache
def standard_error() -> Terminal:
    """The one terminal of this process."""
    return Terminal()
