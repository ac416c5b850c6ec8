"""The errors that the pipeline raises on purpose, each with an exit code.

A message says four things: what is wrong, what is allowed, what was received and what to do. Several problems
of one kind are gathered and raised once, so that a user repairs a file in one go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pipeline.formatting import SHOWN_AT_MOST, listed

KNOWN_AT_MOST = 60
"""The most names that a message lists; more than a section of a configuration has."""


class PipelineError(Exception):
    """An error that the user can act on; `exit_code` is the job's exit code."""

    exit_code = 1


class ConfigError(PipelineError):
    """A configuration file, an override or a command line is wrong."""

    exit_code = 2


class DataError(PipelineError):
    """The data cannot be read, or does not conform to the configuration."""

    exit_code = 3


class StoreError(DataError):
    """A published store or model is missing, incomplete or was altered."""


class TrainError(PipelineError):
    """Training failed on at least one rank."""

    exit_code = 4


class PlatformError(PipelineError):
    """The machine or cluster lacks something: Java, a library version, task slots."""

    exit_code = 5


FULL_DISK = re.compile(r"[^\n]*(?:No space left on device|Disk quota exceeded|File too large)[^\n]*")
"""A line of an error, or of a traceback, that tells of a disk without room."""


def full_disk_error(text: str) -> PlatformError | None:
    """The error to raise if a text tells of a full disk, with the path if the text has it."""
    line = FULL_DISK.search(text)
    if line is None:
        return None
    return PlatformError(
        f"There is no room on the disk: {line[0].strip().rstrip('.')}. Make room there, or take another storage.root; "
        "then run the same command again."
    )


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        what: what is wrong, and where, e.g. `train.epochs must be at least 1`.
        allowed: what would be accepted; empty where `what` says it.
        received: what was received instead, or empty.
        remedy: what to do about it, or empty.
    """

    what: str
    allowed: str = ""
    received: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """The problem as sentences on one line."""
        parts = [self.what.rstrip(".")]
        if self.allowed:
            parts.append(f"Allowed: {self.allowed}")
        if self.received:
            parts.append(f"Received: {self.received}")
        if self.remedy:
            parts.append(self.remedy.rstrip("."))
        text = ". ".join(parts)
        return text if text.endswith("?") else f"{text}."


def gather(title: str, problems: Sequence[Problem], most: int = SHOWN_AT_MOST, *, total: int | None = None) -> str:
    """One message for many problems, of which `most` are shown; a single problem stands alone, without the title.

    Args:
        title: what the problems have in common.
        problems: all of them, or the first ones.
        most: how many are shown.
        total: how many there are; None where `problems` are all.
    """
    count = len(problems) if total is None else total
    if count == 1:
        return str(problems[0])
    shown = [f"  - {problem}" for problem in problems[:most]]
    hidden = count - len(shown)
    tail = [f"  ... and {hidden:,} more."] if hidden else []
    return "\n".join([f"{title} ({count} problems):", *shown, *tail])


def did_you_mean(name: str, allowed: Sequence[str]) -> str:
    """`Did you mean 'x'?` of the closest known spelling; empty where none is close."""
    close = get_close_matches(name, allowed, n=1)
    return f"Did you mean '{close[0]}'?" if close else ""


def nearest(name: str, allowed: Sequence[str]) -> str:
    """A remedy that names the closest known spelling, or lists what is known."""
    return did_you_mean(name, allowed) or f"Known: {listed(sorted(allowed), KNOWN_AT_MOST)}"
