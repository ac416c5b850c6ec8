"""What a run logs, kept in a folder until the tracking server has it: JSON lines, with artifacts as files beside them.

The folder is removed when everything was sent. Where a job was killed, or the server was down, a later job sends what
is left. Entries carry their own times, so that an entry that is sent twice is recorded once.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

from pipeline.errors import StoreError
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.lock import try_lock

OUTBOX = "spool"
RUN, ENTRIES, SENT = "run.json", "entries.jsonl", "sent.json"


class OutboxRun(Document):
    """The run that entries belong to.

    Attributes:
        uri: of the tracking store.
        artifacts: URI of the folder for the artifacts of a new experiment; None leaves that to the server.
        experiment: by name.
        run_name: for people.
        tags: of the run.
        token: a tag's value that no other run has: a run that was made without an answer is found by it.
        started: milliseconds since 1970.
        run_id: of a run to continue; None makes one.
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
    """One thing that was logged.

    Attributes:
        kind: what it is.
        time: milliseconds since 1970.
        metrics: numbers by name.
        step: of the metrics.
        texts: parameters or tags by name; of a status, `status`.
        path: of an artifact, in the run.
        file: of an artifact, in the folder.
    """

    kind: Literal["params", "tags", "metrics", "artifact", "status"]
    time: int
    metrics: Mapping[str, float] = {}
    step: int = 0
    texts: Mapping[str, str] = {}
    path: str = ""
    file: str = ""


class Outbox:
    """The entries of one run, in the order in which they were logged. One thread adds them, another sends them."""

    def __init__(self, folder: Path, run: OutboxRun, entries: Sequence[Entry], lock: IO[bytes]) -> None:
        """See `new_outbox` and `unsent_outboxes`."""
        self.folder, self.run, self._lock = folder, run, lock
        self._entries = list(entries)
        self.sent, self.run_id = _read_sent(folder, run)

    @property
    def pending(self) -> list[Entry]:
        """What was not sent yet."""
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
        """Keep an entry.

        Raises:
            OSError: it is kept in memory alone.
        """
        self._entries.append(entry)
        self._lock.write(entry.model_dump_json().encode() + b"\n")
        self._lock.flush()

    def add_artifact(self, path: str, content: bytes, time: int) -> None:
        """Keep an artifact.

        Raises:
            OSError: it is not kept.
        """
        name = f"{len(self._entries):06d}-{Path(path).name}"
        (self.folder / name).write_bytes(content)
        self.add(Entry(kind="artifact", time=time, path=path, file=name))

    def mark(self, run_id: str | None, sent: int) -> None:
        """Record how many entries the store has, and in which run."""
        self.run_id, self.sent = run_id, sent
        _write(self.folder / SENT, json.dumps({"run_id": run_id, "sent": sent}))

    def remove(self) -> None:
        """All was sent."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def leave(self) -> None:
        """Let a later job send the rest."""
        self._lock.close()


def outbox_folder(root: StoragePath) -> Path:
    """Where outboxes lie: under the storage root where that is a folder of this machine."""
    return Path(root.path, OUTBOX) if root.is_local else Path(tempfile.gettempdir(), f"pipeline-{OUTBOX}-{os.getuid()}")


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
    """Outboxes for a tracking store that no process holds; each is held by this process until it is removed or left."""
    for file in sorted(parent.glob(f"*/{RUN}")):
        try:
            run = OutboxRun.from_json(file.read_text(), str(file))
            lock = (file.parent / ENTRIES).open("ab")
        except (OSError, StoreError):  # another job has just removed it
            continue
        if run.uri != uri or not try_lock(lock) or not file.exists():
            lock.close()
            continue
        yield Outbox(file.parent, run, _read_entries(file.parent / ENTRIES), lock)


def _write(file: Path, content: str) -> None:
    files.write_atomically(storage_path(str(file)), content.encode())


def _read_entries(file: Path) -> list[Entry]:
    """All whole lines; the last one of a job that was killed may be none."""
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
