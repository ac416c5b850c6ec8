"""What rank 0 reports to the driver during training: one JSON document per epoch, renamed into place when complete.

The driver alone talks to the tracking server and to the terminal, so ranks need no credentials, load no MLflow,
and never wait for a server. Documents travel through the run's scratch folder, under the storage root, which
driver and ranks share.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath

EPOCHS = "epochs"
STOP = "stop"


class EpochRecord(Document):
    """One finished epoch.

    Attributes:
        epoch: its number, counted from 1.
        metrics: values over all ranks, by name; `val_` marks the validation split.
        rows: the number of training rows, over all ranks.
        seconds: the duration of the training part.
        input_seconds: how much of it rank 0's model waited for rows.
        best: whether this is the best epoch so far.
    """

    epoch: int
    metrics: Mapping[str, float]
    rows: int
    seconds: float
    input_seconds: float
    best: bool

    @property
    def rows_per_second(self) -> float:
        """Over all ranks."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def input_bound_percent(self) -> float:
        """Percentage of the training time in which the model waited for rows."""
        return 100.0 * self.input_seconds / self.seconds if self.seconds else 0.0

    @property
    def monitored(self) -> float:
        """The loss that decides on the best epoch: of validation rows, or of training rows where there are none."""
        return self.metrics.get("val_loss", self.metrics["loss"])


def request_stop(scratch: StoragePath) -> None:
    """Ask the ranks of a launch to take a checkpoint and stop."""
    files.write_bytes(scratch.child(STOP), b"")


def stop_requested(scratch: StoragePath) -> bool:
    """Whether the ranks of a launch were asked to stop."""
    return files.exists(scratch.child(STOP))


def write_epoch(scratch: StoragePath, record: EpochRecord) -> None:
    """Publish one epoch's record."""
    target = scratch.child(EPOCHS, f"{record.epoch:06d}.json")
    files.write_atomically(target, record.to_json().encode())


def read_epoch(scratch: StoragePath, epoch: int) -> EpochRecord | None:
    """The record of one epoch; None while there is none."""
    source = scratch.child(EPOCHS, f"{epoch:06d}.json")
    if files.size_of(source) is None:
        return None
    return EpochRecord.from_json(files.read_bytes(source), source.path)
