"""The history of a training run, kept with its model as `history.json`."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.model import PublishedModel, read_model
from pipeline.training.records import EpochRecord

HISTORY = "history.json"


class TrainingHistory(Document):
    """The epochs of one training run.

    Attributes:
        epochs: the records in order; the first is epoch 1.
        best_epoch: the epoch whose weights were kept, counted from 1.
        workers: the number of ranks.
    """

    epochs: tuple[EpochRecord, ...]
    best_epoch: int
    workers: int

    @property
    def values(self) -> dict[str, list[float]]:
        """Each metric's values by epoch, keyed as Keras does."""
        return {name: [record.metrics[name] for record in self.epochs] for name in self.epochs[0].metrics}

    @property
    def steady(self) -> Sequence[EpochRecord]:
        """The epochs that show the speed: all but the first, which also compiles, unless it is the only one."""
        return self.epochs[1:] or self.epochs

    @property
    def rows_per_second(self) -> float:
        """Training rows a second, over all ranks and the steady epochs."""
        return sum(record.rows for record in self.steady) / sum(record.seconds for record in self.steady)

    @property
    def input_bound_percent(self) -> float:
        """Percentage of the training time in which the model waited for rows."""
        busy = sum(record.seconds for record in self.steady)
        return 100.0 * sum(record.input_seconds for record in self.steady) / busy

    @property
    def seconds(self) -> float:
        """The duration of the training parts of all epochs."""
        return sum(record.seconds for record in self.epochs)


def write_history(folder: StoragePath, history: TrainingHistory) -> None:
    """Write it beside the files of a model that is about to be published."""
    files.write_bytes(folder.child(HISTORY), history.to_json().encode())


def read_history(model: PublishedModel) -> TrainingHistory | None:
    """The history of a published model; None where the model has none.

    Raises:
        StoreError: the file is missing, or was altered.
    """
    if HISTORY not in model.card.files:
        return None
    file = model.folder.child(HISTORY)
    return TrainingHistory.from_json(read_model(file, model.card.files[HISTORY]), str(file))
