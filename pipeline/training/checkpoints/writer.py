"""Writes checkpoints in a thread of rank 0, which hands over copies of arrays, so that training continues meanwhile.

A file is written under another name, synced and renamed, so it is complete or absent. The two latest generations stay:
where the latest is truncated or altered, the one before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from pipeline.errors import PlatformError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.large_files import write_durably
from pipeline.training.checkpoints.format import Checkpoint, encode_checkpoint

ENDING = ".checkpoint"
KEPT = 2


class CheckpointWriter:
    """Writes one checkpoint at a time, in order."""

    def __init__(self, folder: StoragePath, generation: int, executor: ThreadPoolExecutor) -> None:
        """`generation` is the latest one in `folder`, 0 where there is none; `executor` has a single thread."""
        self._folder, self._generation, self._executor = folder, generation, executor
        self._writing: Future[None] | None = None

    def write(self, checkpoint: Checkpoint) -> None:
        """Start to write a checkpoint, once the previous one is written.

        Raises:
            PlatformError: the previous one could not be written.
        """
        self.finish()
        self._generation += 1
        self._writing = self._executor.submit(write_checkpoint, self._folder, self._generation, checkpoint)

    def finish(self) -> None:
        """Wait until the checkpoint in progress is written.

        Raises:
            PlatformError: it could not be written.
        """
        if self._writing is not None:
            self._writing.result()


@contextmanager
def open_writer(folder: StoragePath | None, generation: int) -> Iterator[CheckpointWriter | None]:
    """A writer for the length of a block; a checkpoint in progress is written to its end, however the block ends.

    Args:
        folder: the folder to write to; None writes nothing.
        generation: the latest generation in it.

    Raises:
        PlatformError: the last checkpoint could not be written, and the block raised nothing.
    """
    if folder is None:
        yield None
        return
    for name in files.list_files(folder):
        if name.endswith(files.UNFINISHED):  # of a job that was killed; no other one writes here now
            files.remove_file(folder.child(name))
    # Leaving the executor waits for its thread. `finish` comes before, and only where the block raised nothing: it
    # raises what the thread raised, which must not hide why training failed.
    with ThreadPoolExecutor(1, thread_name_prefix="checkpoint") as executor:
        writer = CheckpointWriter(folder, generation, executor)
        yield writer
        writer.finish()


def write_checkpoint(folder: StoragePath, generation: int, checkpoint: Checkpoint) -> None:
    """Publish a generation, and delete all but the latest two.

    Raises:
        PlatformError: it cannot be written; the earlier ones are kept.
    """
    file = checkpoint_file(folder, generation)
    try:
        write_durably(file, encode_checkpoint(checkpoint))
        # Only now: until the new one is durable, the two before it are all there is.
        for old in list_generations(folder)[:-KEPT]:
            files.remove_file(checkpoint_file(folder, old))
    except OSError as error:
        raise PlatformError(
            f"Checkpoint {file} cannot be written: {error}. The previous one is kept. Free some space there, or set "
            "storage.root to another location, and run the same command again."
        ) from error


def list_generations(folder: StoragePath) -> list[int]:
    """The numbers of the checkpoints in a folder, the latest last."""
    names = [name.removesuffix(ENDING) for name in files.list_files(folder) if name.endswith(ENDING)]
    return sorted(int(name) for name in names if name.isdecimal())


def checkpoint_file(folder: StoragePath, generation: int) -> StoragePath:
    """The file of one generation."""
    return folder.child(f"{generation:08d}{ENDING}")
