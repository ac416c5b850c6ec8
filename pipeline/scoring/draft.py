"""An output while it is written: in a folder apart that is renamed at the end, or file by file in its final folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from pipeline.scoring.listed import check_listed, drop_files, listed_files, new_token, publish_listed
from pipeline.scoring.publication import (
    QUARANTINE,
    ScoreCard,
    check_output,
    close_work,
    publish_output,
    work_folder,
)
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.publish import scratch
from pipeline.store.reach import check_reachable

log = logging.getLogger(__name__)


class OutputDraft(Protocol):
    """The folders where the files of an output are written."""

    @property
    def rows(self) -> StoragePath:
        """The folder of its files."""

    @property
    def parts(self) -> StoragePath:
        """The folder of Parquet files that are then converted to another format."""

    @property
    def aside(self) -> StoragePath:
        """The folder of rows that cannot be scored."""

    @property
    def prefix(self) -> str:
        """The prefix of the names of all files."""

    def publish(self, names: Sequence[str], card: ScoreCard, *, set_aside: Sequence[str], replace: bool) -> None:
        """Make it the output, which consists of these files and of those of quarantined rows."""


@dataclass(frozen=True)
class FolderDraft:
    """A folder that becomes the output by a rename.

    Attributes:
        output: the output folder.
        work: a folder for work in progress, on the same file system.
        prefix: the prefix of the names of all files.
    """

    output: StoragePath
    work: StoragePath
    prefix: str = "part"

    @property
    def rows(self) -> StoragePath:
        """Of the output's files."""
        return self.work.child("rows")

    @property
    def parts(self) -> StoragePath:
        """Of files that are then converted to another format."""
        return self.work.child("parts")

    @property
    def aside(self) -> StoragePath:
        """Of rows that cannot be scored; Spark does not read a folder whose name begins with `_`."""
        return self.work.child("aside")

    def publish(self, names: Sequence[str], card: ScoreCard, *, set_aside: Sequence[str], replace: bool) -> None:
        """Publish by one rename; every file in the folder belongs to the output."""
        if set_aside:
            files.move(self.aside, self.rows.child(QUARANTINE))
        publish_output(self.rows, self.output, card, replace=replace)


@dataclass(frozen=True)
class ListedDraft:
    """Files in their final folder, in an object store.

    Attributes:
        output: the output folder.
        token: a part of the names of these files and of no others.
    """

    output: StoragePath
    token: str

    @property
    def prefix(self) -> str:
        """The prefix of the names of all files."""
        return f"part-{self.token}"

    @property
    def rows(self) -> StoragePath:
        """Of the output's files."""
        return self.output

    @property
    def parts(self) -> StoragePath:
        """Of files that are then converted to another format; readers skip names with `_`."""
        return self.output.child(f"_parts-{self.token}")

    @property
    def aside(self) -> StoragePath:
        """Of rows that cannot be scored."""
        return self.output.child(QUARANTINE)

    def publish(self, names: Sequence[str], card: ScoreCard, *, set_aside: Sequence[str], replace: bool) -> None:
        """Publish by replacing the card; then delete the files of an earlier output."""
        bad = [f"{QUARANTINE}/{name}" for name in set_aside]
        publish_listed(self.output, self.token, [*names, *bad], card, replace=replace)
        files.remove_folder(self.parts)

    def drop(self) -> None:
        """Delete what was not published; files that the card lists stay: it may be replaced before a job fails."""
        try:
            listed = listed_files(self.output)
            drop_files(self.output, {name for name in files.list_files(self.output) if self.token in name} - listed)
        except OSError as error:  # the error that ended the job must not be hidden by this one
            log.warning("Files of this scoring run are left in %s; no card lists them: %s", self.output, error)


def check_writable(output: StoragePath, *, replace: bool) -> None:
    """Check that an output may be written, before any work is done for it.

    Raises:
        ConfigError: something exists there that must not be replaced.
        PlatformError: it is in a bucket that cannot be written to.
    """
    if output.renames_folders:
        check_output(output, replace=replace)
        return
    check_reachable(output, "score.output")
    check_listed(output, replace=replace)


@contextmanager
def output_draft(output: StoragePath) -> Iterator[OutputDraft]:
    """A draft for the length of a block; what is not published is deleted at its end."""
    if output.renames_folders:
        try:
            with scratch(work_folder(output)) as work:
                yield FolderDraft(output, work)
        finally:
            close_work(output)
        return
    draft = ListedDraft(output, new_token())
    try:
        yield draft
    except BaseException:
        draft.drop()
        raise
