"""The outbox of a run: keeps what it logs in a folder until the tracking server has it, as JSON lines and artifacts.

    run.json        the run, written last: a folder without it is not an outbox yet
    entries.jsonl   a line for each entry, in the order in which they were logged
    sent.json       how many of them the server has, and in which run
    000007-a.png    the content of an artifact; of a model, a folder

The folder is removed when everything was sent. If the job was killed, or the server was down, a later job sends the
rest. Entries carry their own times, so that an entry that is sent twice is recorded once. What waits for a server that
is down is synced to the disk, so that it survives a loss of power.

An outbox may be damaged. If its progress is, everything is sent again. A line that cannot be read is left out, and the
folder is kept under another name (`.damaged`) once the others were sent; so is an outbox whose run cannot be read.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal

from pydantic import NonNegativeInt

from pipeline.errors import StoreError
from pipeline.formatting import counted
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.large_files import link_file, sync_file, sync_folder, write_durably
from pipeline.store.layout import FEATURES, MODEL
from pipeline.store.lock import try_lock
from pipeline.store.private import read_own, require_own_folder, temporary_folder

logger = logging.getLogger(__name__)

OUTBOX = "spool"
PRIVATE = 0o600
"""Mode of files that are sent only if nobody else can have written them, whatever the umask is."""
DAMAGED = ".damaged"
"""Ending of the name of an outbox that is kept because something in it cannot be read."""
RUN, ENTRIES, SENT = "run.json", "entries.jsonl", "sent.json"

EntryKind = Literal["params", "tags", "metrics", "artifact", "model", "register", "status", "unreadable"]


class OutboxRun(Document):
    """The run that entries belong to.

    Attributes:
        uri: the tracking store.
        artifacts: URI of the folder for the artifacts of a new experiment; None lets the server choose.
        experiment: the experiment's name.
        run_name: the run's name.
        tags: tags of the run.
        token: the value of a tag that no other run has, to find a run whose creation was not acknowledged.
        started: milliseconds since 1970.
        run_id: a run to continue; None creates one.
    """

    uri: str
    artifacts: str | None
    experiment: str
    run_name: str
    tags: Mapping[str, str]
    token: str
    started: int
    run_id: str | None = None


class Entry(Document):
    """One logged entry.

    Attributes:
        kind: the kind of entry.
        time: milliseconds since 1970.
        metrics: values of metrics by name.
        step: the step of the metrics.
        texts: parameters or tags by name; for a status, `status`; for a registration, `name` and `candidate`, as JSON.
        path: the path of an artifact in the run.
        file: the name of an artifact's file, or of a model's folder, in the outbox.
    """

    kind: EntryKind
    time: int
    metrics: Mapping[str, float] = {}
    step: int = 0
    texts: Mapping[str, str] = {}
    path: str = ""
    file: str = ""


UNREADABLE = Entry(kind="unreadable", time=0)
"""In place of a damaged line."""


class _Sent(Document):
    """How many entries the store has, and in which run."""

    run_id: str | None
    sent: NonNegativeInt


class Outbox:
    """The entries of one run, in the order in which they were logged.

    Not safe for threads by itself: the threads that add entries and the one that sends them hold the sender's lock. The
    open entries file carries a lock of the process, by which other jobs see that the outbox is in use.
    """

    def __init__(self, folder: Path, run: OutboxRun, entries: Sequence[Entry], lock: IO[bytes]) -> None:
        """See `new_outbox` and `unsent_outboxes`."""
        self.folder, self.run, self._lock = folder, run, lock
        self._entries = list(entries)
        self.sent, self.run_id = _read_sent(folder, run, self._entries)

    @property
    def pending(self) -> list[Entry]:
        """The entries that have not been sent yet."""
        return self._entries[self.sent :]

    @property
    def all_sent(self) -> bool:
        """Whether nothing is pending."""
        return self.sent == len(self._entries)

    @property
    def last_status(self) -> Entry | None:
        """The end of the run, if it was logged."""
        return next((entry for entry in reversed(self._entries) if entry.kind == "status"), None)

    @property
    def is_ended(self) -> bool:
        """Whether the end of the run is the last entry, so that it is what the server gets last."""
        return bool(self._entries) and self._entries[-1].kind == "status"

    def add(self, entry: Entry) -> None:
        """Add an entry.

        Raises:
            OSError: it cannot be written, and is kept in memory only.
        """
        self._entries.append(entry)
        self._lock.write(entry.model_dump_json().encode() + b"\n")
        self._lock.flush()

    def add_artifact(self, path: str, content: bytes, time: int) -> None:
        """Add an artifact.

        Raises:
            OSError: it cannot be written, and is not kept.
        """
        name = f"{len(self._entries):06d}-{Path(path).name}"
        (self.folder / name).write_bytes(content)
        (self.folder / name).chmod(PRIVATE)
        self.add(Entry(kind="artifact", time=time, path=path, file=name))

    def add_model(self, file: StoragePath, state: FittedFeatures, time: int) -> None:
        """Add a model: its Keras file, as a link where that is possible, and its fitted features.

        Raises:
            OSError: it cannot be written, and is not kept.
        """
        name = f"{len(self._entries):06d}-model"
        (self.folder / name).mkdir(mode=0o700)
        link_file(file, self.folder / name / MODEL)
        (self.folder / name / FEATURES).write_text(state.to_json(), encoding="utf-8")
        (self.folder / name / FEATURES).chmod(PRIVATE)
        self.add(Entry(kind="model", time=time, file=name))

    def postpone(self) -> Entry:
        """Move the first pending entry behind all others; returns the moved one.

        Raises:
            OSError: it cannot be written, and is kept in memory only.
        """
        entry = self.pending[0].model_copy()
        self.sent += 1  # recorded by the next `mark`: the entry of a job that is killed before has both turns
        self.add(entry)
        return entry

    def model(self, entry: Entry) -> tuple[bytes, bytes]:
        """The Keras file and the fitted features of a model.

        Raises:
            OSError: one is missing, or not an ordinary file of this user in a folder of the outbox's own folder.
        """
        folder = self.folder / Path(entry.file).name
        require_own_folder(folder)
        return read_own(folder, MODEL), read_own(folder, FEATURES)

    def artifact(self, entry: Entry) -> bytes:
        """The content of an artifact.

        Raises:
            OSError: it is missing, or not an ordinary file of this user in the outbox's own folder.
        """
        return read_own(self.folder, entry.file)

    def mark(self, run_id: str | None, sent: int) -> None:
        """Record how many entries the store has, and in which run."""
        self.run_id, self.sent = run_id, sent
        content = _Sent(run_id=run_id, sent=sent).to_json().encode()
        files.write_atomically(storage_path(str(self.folder / SENT)), content)

    def sync(self) -> None:
        """Make what is pending survive a loss of power.

        Raises:
            OSError: the disk failed.
        """
        os.fsync(self._lock.fileno())
        sync_folder(self.folder)
        for entry in self.pending:
            if entry.file:
                path = self.folder / entry.file
                for file in [path, *path.iterdir()] if path.is_dir() else [path]:
                    sync_file(file)

    def remove(self) -> None:
        """Remove the folder, because everything was sent; one that has an unreadable entry is kept for people."""
        unreadable = self._entries.count(UNREADABLE)
        if unreadable:
            what = f"{counted(unreadable, 'line')} of {ENTRIES} cannot be read; all others were sent"
            _set_aside(self.folder, what)
        else:
            # First the run, without which other jobs do not take a half-removed folder for an outbox.
            (self.folder / RUN).unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def leave(self) -> None:
        """Release the outbox, so that a later job sends the rest."""
        with suppress(OSError):
            self.sync()
        self._lock.close()


def outbox_folder(root: StoragePath) -> Path:
    """The folder of all outboxes: under the storage root if that is local, else in this machine's temporary folder.

    Raises:
        OSError: that folder in the temporary one is not this user's alone.
    """
    return Path(root.path, OUTBOX) if root.is_local else temporary_folder(OUTBOX)


def new_outbox(parent: Path, run: OutboxRun) -> Outbox:
    """An outbox of this process."""
    folder = parent / uuid.uuid4().hex
    folder.mkdir(parents=True, mode=0o700)
    lock = (folder / ENTRIES).open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)
    write_durably(storage_path(str(folder / RUN)), [run.to_json().encode()])
    (folder / RUN).chmod(PRIVATE)
    sync_folder(parent)
    return Outbox(folder, run, [], lock)


def unsent_outboxes(parent: Path, uri: str) -> Iterator[Outbox]:
    """Outboxes for a tracking store that no process holds; this process holds each until it is removed or left.

    What is damaged is logged, and does not stop the others. One that somebody else may have put there is skipped: it
    could name files of this user, to have them sent.
    """
    for file in sorted(parent.glob(f"*/{RUN}")):
        if file.parent.suffix == DAMAGED:
            continue
        try:
            require_own_folder(file.parent)
            outbox = _taken(file, uri)
        except PermissionError as error:
            logger.warning("The unsent run in %s is left alone: %s.", file.parent, error)
            continue
        except FileNotFoundError:  # another job has just removed it
            continue
        except OSError as error:
            logger.warning("Outbox %s is left as it is, because it cannot be read: %s", file.parent, error)
            continue
        if outbox is not None:
            yield outbox


def _taken(file: Path, uri: str) -> Outbox | None:
    """The outbox of a `run.json`; None if another process holds it, it is for another store, or it was set aside."""
    folder = file.parent
    with (folder / ENTRIES).open("r+b") as lock:
        if not try_lock(lock) or not file.exists():
            return None
        try:
            run = OutboxRun.from_json(read_own(folder, RUN), str(file))
        except StoreError as error:
            _set_aside(folder, str(error))
            return None
        if run.uri != uri:
            return None
        entries, size = _read_entries(folder / ENTRIES)
        lock.truncate(size)
        held = os.fdopen(os.dup(lock.fileno()), "ab")  # the same lock, which outlives this block
    return Outbox(folder, run, entries, held)


def _set_aside(folder: Path, reason: str) -> None:
    kept = folder.with_name(folder.name + DAMAGED)
    try:
        folder.rename(kept)
    except OSError as error:
        logger.warning("Outbox %s is damaged, and cannot be renamed: %s", folder, error)
        return
    logger.warning("Outbox %s is damaged: %s It is kept as %s; delete it.", folder, reason.rstrip(".") + ".", kept)


def _read_entries(file: Path) -> tuple[list[Entry], int]:
    """All entries, with one of kind `unreadable` for each damaged line, and the size of the file without a torn end."""
    *lines, _ = file.read_bytes().split(b"\n")  # a killed job may have written a part of the last one
    entries = []
    for line in lines:
        try:
            entries.append(Entry.from_json(line, str(file)))
        except StoreError:
            entries.append(UNREADABLE)
    return entries, sum(len(line) + 1 for line in lines)


def _read_sent(folder: Path, run: OutboxRun, entries: Sequence[Entry]) -> tuple[int, str | None]:
    """The number of entries that were sent, and the run's id; if that is unknown, everything is sent again."""
    try:
        marker = _Sent.from_json((folder / SENT).read_bytes(), str(folder / SENT))
    except FileNotFoundError:
        return 0, run.run_id
    except StoreError as error:
        logger.warning("%s All entries of this run are sent again.", str(error).partition(" Delete it")[0])
        return 0, run.run_id
    # Damage may have joined two lines, or divided one: then the number means others.
    is_right = UNREADABLE not in entries and marker.sent <= len(entries)
    return marker.sent if is_right else 0, marker.run_id
