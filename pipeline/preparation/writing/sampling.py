"""Up- and down-sampling: training rows of some classes are left out or repeated when a store is written.

Features are fitted before, to the unsampled training rows; validation and test rows are not sampled. A hash of the
row's values and the number of rows of its class decide, so that the result does not depend on order or partitioning:
with a factor f, a row is written floor(f) times, and once more for a share f - floor(f) of the hashes. Equal rows have
the same hash, so all of them are written or none.

A copy has the `ROW_ID` of its row, but its own shard and position, so that copies are in different training steps.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.arrays.hashing import hash_of, salted, uniform
from pipeline.config.sampling import SamplingConfig
from pipeline.errors import ConfigError, DataError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.rows.label_values import label_value
from pipeline.preparation.rows.split import TRAIN, order_of, shard_of
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.schemas.label import LabelSpec
from pipeline.store.filesystem import StoragePath
from pipeline.store.manifest import Sampled, SplitEntry
from pipeline.store.pages import READ_CHECKED

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sampling:
    """How often rows are written.

    Attributes:
        label: the fitted label, with the number of training rows of each class.
        factors: how often a row of each class is written on average, by class id.
    """

    label: LabelSpec
    factors: tuple[float, ...]

    @property
    def rows(self) -> int:
        """The expected number of training rows."""
        return round(sum(count * factor for count, factor in zip(self.label.counts, self.factors, strict=True)))

    def allows(self, sampled: Sampled) -> bool:
        """Whether the numbers of written rows are possible, given the numbers of counted ones."""
        return all(
            count * math.floor(factor) <= sampled.after[name] <= count * math.ceil(factor)
            for name, count, factor in zip(self.label.classes, self.label.counts, self.factors, strict=True)
        )


def plan_sampling(config: SamplingConfig, label: LabelSpec) -> Sampling | None:
    """The factors of each class; None without sampling.

    Raises:
        ConfigError: the label has no classes.
    """
    if config.method == "none":
        return None
    if not label.classes:
        raise ConfigError(
            f"data.sampling needs a label with classes. Received: '{label.name}', a number. "
            "Leave data.sampling out, or weigh rows by data.weight."
        )
    if config.method == "down":
        most = min(label.counts) / config.ratio
        return Sampling(label, tuple(min(1.0, most / count) for count in label.counts))
    least = max(label.counts) * config.ratio
    return Sampling(label, tuple(max(1.0, least / count) for count in label.counts))


@dataclass(frozen=True)
class Copies:
    """How often the rows of a batch are written.

    Attributes:
        rows: indices of the rows to write, repeated for copies, [m].
        shard: the shard of each, [m].
        order: the hash by which each is sorted within its shard, [m].
    """

    rows: npt.NDArray[np.int64]
    shard: npt.NDArray[np.int32]
    order: npt.NDArray[np.int64]


def copies_of(rows: Rows, sampling: Sampling | None, seed: int) -> Copies:
    """The rows of a batch to write; copy 0 keeps the row's shard and order, further copies have their own."""
    placement = rows.placement
    if sampling is None:
        return Copies(np.arange(rows.count), placement.shard, placement.order)
    source_rows = np.repeat(np.arange(rows.count), _times(rows, sampling, seed))
    copy = np.arange(len(source_rows)) - np.searchsorted(source_rows, source_rows)
    copied = hash_of([pa.array(placement.row_hash[source_rows]), pa.array(copy.astype(np.int32))])
    return Copies(
        source_rows,
        np.where(copy == 0, placement.shard[source_rows], shard_of(seed, copied)),
        np.where(copy == 0, placement.order[source_rows], order_of(seed, copied)),
    )


def count_sampled(sampling: Sampling, train: SplitEntry, work: StoragePath) -> Sampled:
    """Count and log the training rows of each class before and after sampling, from the files.

    Args:
        sampling: the sampling that was applied.
        train: the files of training rows.
        work: the folder of the store.

    Raises:
        DataError: no row of a class is left.
    """
    classes = sampling.label.classes
    counts = np.zeros(len(classes), np.int64)
    for file in train.files:
        path = work.child(file.path)
        with path.filesystem.open_input_file(path.path) as stream:
            rows = pq.ParquetFile(stream, **READ_CHECKED).read(columns=[sampling.label.name])
        labels = rows[sampling.label.name].to_numpy()
        counts += np.bincount(labels, minlength=len(classes))
    after = dict(zip(classes, counts.tolist(), strict=True))
    sampled = Sampled(before=dict(zip(classes, sampling.label.counts, strict=True)), after=after)
    _log_sampled(sampling.label, sampled)
    return sampled


def with_counts(features: FittedFeatures, sampled: Sampled | None) -> FittedFeatures:
    """The features, with the label's class counts as in the store."""
    if sampled is None:
        return features
    counts = tuple(sampled.after[name] for name in features.label.classes)
    return features.model_copy(update={"label": features.label.model_copy(update={"counts": counts})})


def _times(rows: Rows, sampling: Sampling, seed: int) -> npt.NDArray[np.int64]:
    """[n]: how often a row is written; 1 for rows that are not training rows."""
    label = label_value(sampling.label, rows.typed)
    factors = np.array([*sampling.factors, 0.0])[label]
    drawn = uniform(salted("sampling", seed, rows.placement.row_hash)) < factors - np.floor(factors)
    times = np.floor(factors).astype(np.int64) + drawn
    return np.where(rows.placement.split == TRAIN, times, 1)


def _log_sampled(label: LabelSpec, sampled: Sampled) -> None:
    lost = [name for name, count in sampled.after.items() if not count]
    if lost:
        raise DataError(
            f"data.sampling leaves no training row of class '{lost[0]}' of label '{label.name}': its rows are "
            "equal, so all of them are left out. Give data.key, a lower data.sampling.ratio, or method: up."
        )
    log.info("Training rows of '%s': %s; sampled to %s.", label.name, _shown(sampled.before), _shown(sampled.after))


def _shown(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
