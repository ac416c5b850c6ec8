"""Logging of a job: one handler on standard error, above the live line, safe to display."""

from __future__ import annotations

import logging
import re
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.redact import redacted
from pipeline.runtime.terminal import standard_error

FORMAT = "%(asctime)s %(levelname)-5s %(name)s: %(message)s"
"""The layout of all lines that stay: of Python's logging, of progress, and of Java by its `log4j2.properties`."""
TIME_OF_DAY = "%H:%M:%S"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def configure_logging(debug: bool) -> None:
    """Send all logging and all Python warnings of this process to standard error.

    Args:
        debug: whether to log what only developers want to know.
    """
    handler = _TerminalHandler()
    handler.setFormatter(_SafeFormatter(debug))
    if not debug:
        handler.addFilter(_is_no_lost_java)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.addLevelName(logging.WARNING, "WARN")
    logging.captureWarnings(True)
    warnings.formatwarning = _as_one_line
    logging.getLogger("pipeline").setLevel(logging.DEBUG if debug else logging.INFO)


@contextmanager
def logging_once(loggers: Iterable[str]) -> Iterator[None]:
    """Log each message of some loggers once within the block, though it occurs again for every fold.

    A message whose numbers differ by fold gives `extra={"subject": ...}`, and is logged for its first fold.

    Args:
        loggers: their names; loggers below them are not included.
    """
    logged: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        before = len(logged)
        subject = getattr(record, "subject", None)
        logged.add(record.getMessage() if subject is None else f"{record.msg} {subject}")
        return len(logged) > before

    filtered = [logging.getLogger(name) for name in loggers]
    for logger in filtered:
        logger.addFilter(is_new)
    try:
        yield
    finally:
        for logger in filtered:
            logger.removeFilter(is_new)


def info_line(name: str, text: str) -> str:
    """A line as logging would write it, without the time."""
    return FORMAT.removeprefix("%(asctime)s ") % {"levelname": "INFO", "name": name, "message": text}


def safe_text(text: str) -> str:
    """Text from anywhere, made safe for a terminal and a log file.

    Colours are removed, other control characters escaped, user names and passwords in URLs removed, and continuation
    lines indented, so that none can pass for a log line.
    """
    lines = redacted(COLOUR.sub("", text)).rstrip("\n").split("\n")
    return "\n  ".join(CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", line) for line in lines)


def _is_no_lost_java(record: logging.LogRecord) -> bool:
    """Whether a record is not py4j's about a call to a Java process that is gone, whose error is raised as well."""
    kind = record.exc_info[0] if record.exc_info else None
    return record.name != "root" or kind is None or kind.__name__ != "Py4JNetworkError"


def _as_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return f"{category.__name__}: {message} ({filename}:{lineno})"


class _SafeFormatter(logging.Formatter):
    def __init__(self, debug: bool) -> None:
        super().__init__(FORMAT, datefmt=TIME_OF_DAY)
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        return safe_text(super().format(record))

    def formatException(self, ei: Any) -> str:
        """The traceback is for developers; users get the exception."""
        if self._debug:
            return super().formatException(ei)
        return "".join(traceback.format_exception_only(ei[1])).strip()


class _TerminalHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            standard_error().line(self.format(record))
        except Exception:
            self.handleError(record)
