"""Which way the rows of a source take: read by the tasks themselves, which is quicker, or by Spark.

Tasks read files by Arrow's file systems; what only Spark can open or make sense of, Spark reads.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from pipeline.data.source import Source
from pipeline.store.filesystem import open_root

log = logging.getLogger(__name__)


def open_file(uri: str) -> Any:
    """A seekable binary file, in a task or in the driver."""
    place = open_root(uri)
    return place.filesystem.open_input_file(place.path)


@dataclass(frozen=True)
class Road:
    """Who reads the files of a source.

    Attributes:
        reason: why it is Spark; None where tasks do.
    """

    reason: str | None

    @classmethod
    def of(cls, source: Source) -> Road:
        """The road of a source, which is logged where it is the one over Spark."""
        reason = reason_for_spark(source)
        if reason is not None:
            tell_road(source, reason)
        return cls(reason)

    @property
    def by_tasks(self) -> bool:
        """Whether tasks read the files."""
        return self.reason is None


def tell_road(source: Source, reason: str) -> None:
    """Log that Spark reads a source, and why."""
    log.info("Source '%s' is read by Spark: %s.", source.location, reason)


def reason_for_spark(source: Source) -> str | None:
    """Why Spark must read the files of a source; None where tasks can."""
    if source.folders is not None:
        return "folders named COLUMN=VALUE hold values of columns"
    other = next((file.uri for file in source.files if not file.uri.startswith("file:")), None)
    if other is not None:
        return f"'{other.split(':')[0]}:' is a file system that is not seen from Python tasks"
    return None
