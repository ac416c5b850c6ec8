"""The outbox of a run: keeps what it logs in a folder until the tracking server has it, as JSON lines and artifacts.

The folder is removed when everything was sent. If the job was killed, or the server was down, a later job sends the
rest. Entries carry their own times, so that an entry that is sent twice is recorded once.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

from pipeline.errors import StoreError
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.lock import try_lock
from pipeline.store.private import read_own, require_own_folder, temporary_folder

OUTBOX = "spool"
RUN, ENTRIES, SENT = "run.json", "entries.jsonl", "sent.json"

logger = logging.getLogger(__name__)


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
        texts: parameters or tags by name; for a status, `status`.
        path: the path of an artifact in the run.
        file: the name of an artifact's file in the folder.
    """

    kind: Literal["params", "tags", "metrics", "artifact", "status"]
    time: int
    metrics: Mapping[str, float] = {}
    step: int = 0
    texts: Mapping[str, str] = {}
    path: str = ""
    file: str = ""


class Outbox:
    """The entries of one run, in the order in which they were logged.

    Not safe for threads by itself: the threads that add entries and the one that sends them hold the sender's lock. The
    open entries file carries a lock of the process, by which other jobs see that the outbox is in use.
    """

    def __init__(self, folder: Path, run: OutboxRun, entries: Sequence[Entry], lock: IO[bytes]) -> None:
        """See `new_outbox` and `unsent_outboxes`."""
        self.folder, self.run, self._lock = folder, run, lock
        self._entries = list(entries)
        self.sent, self.run_id = _read_sent(folder, run)

    @property
    def pending(self) -> list[Entry]:
        """The entries that have not been sent yet."""
        return self._entries[self.sent :]

    @property
    def all_sent(self) -> bool:
        """Whether nothing is pending."""
        return self.sent == len(self._entries)

    @property
    def has_ended(self) -> bool:
        """Whether the end of the run was logged."""
        return any(entry.kind == "status" for entry in self._entries)

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
        self.add(Entry(kind="artifact", time=time, path=path, file=name))

    def artifact(self, entry: Entry) -> bytes:
        """The content of an artifact.

        Raises:
            OSError: it is missing, or not an ordinary file of this user in the outbox's own folder.
        """
        return read_own(self.folder, entry.file)

    def mark(self, run_id: str | None, sent: int) -> None:
        """Record how many entries the store has, and in which run."""
        self.run_id, self.sent = run_id, sent
        _write(self.folder / SENT, json.dumps({"run_id": run_id, "sent": sent}))

    def remove(self) -> None:
        """Remove the folder, because everything was sent."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def leave(self) -> None:
        """Release the outbox, so that a later job sends the rest."""
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
    # Written last: a folder without it is not an outbox yet.
    _write(folder / RUN, run.to_json())
    return Outbox(folder, run, [], lock)


def unsent_outboxes(parent: Path, uri: str) -> Iterator[Outbox]:
    """Outboxes for a tracking store that no process holds; this process holds each until it is removed or left.

    One that somebody else may have put there is skipped: it could name files of this user, to have them sent.
    """
    for file in sorted(parent.glob(f"*/{RUN}")):
        try:
            require_own_folder(file.parent)
            run = OutboxRun.from_json(read_own(file.parent, RUN), str(file))
            lock = (file.parent / ENTRIES).open("ab")
        except PermissionError as error:
            logger.warning("The unsent run in %s is left alone: %s.", file.parent, error)
            continue
        except (OSError, StoreError):  # another job has just removed it
            continue
        if run.uri != uri or not try_lock(lock) or not file.exists():
            lock.close()
            continue
        yield Outbox(file.parent, run, _read_entries(file.parent / ENTRIES), lock)


def _write(file: Path, content: str) -> None:
    files.write_atomically(storage_path(str(file)), content.encode())


def _read_entries(file: Path) -> list[Entry]:
    """All complete lines; the last line of a killed job may be incomplete."""
    entries = []
    for line in file.read_bytes().splitlines():
        try:
            entries.append(Entry.from_json(line, str(file)))
        except StoreError:
            break
    return entries


def _read_sent(folder: Path, run: OutboxRun) -> tuple[int, str | None]:
    try:
        marker = json.loads((folder / SENT).read_text())
    except FileNotFoundError:
        return 0, run.run_id
    return int(marker["sent"]), marker["run_id"]
