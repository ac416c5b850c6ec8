"""Samples the rows of a store, read from its files without Spark, with values in the unit of the source.

The shard of a row and its position there follow from a hash, so the first row groups of all files are a random sample.
It has all rows of a split where there are at most `SAMPLE_ROWS`; with more, the error of the share of rows below a
sampled quantile is less than 1.1 % with a probability above 1 - 1e-6 (see `preparation/statistics/sample.py`). Samples
of wide tables have fewer rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.arrays.values import Values
from pipeline.kinds.feature import NumberFeature, TextFeature
from pipeline.kinds.fitted_features import CategoricalFeature, FittedFeatures
from pipeline.kinds.interfaces import number_arrays_of
from pipeline.preparation.statistics.sample import CONFIDENCE
from pipeline.schemas.profile import Summary
from pipeline.store.filesystem import StoragePath
from pipeline.store.manifest import FileEntry, SplitEntry
from pipeline.store.pages import READ_CHECKED

SAMPLE_ROWS = 1 << 16
SAMPLE_CELLS = 1 << 24
THREADS = 4
"""Threads of the driver, whose cores are free when Spark's tasks have ended."""

NO_VALUE = -1
"""Stands among the ids of a multi-valued feature for a row without a value."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class StoredValues:
    """The values of a sample of one split.

    Attributes:
        rows: number of rows in the sample.
        numbers: finite values in the unit of the source, ascending, by raw or derived column.
        intervals: number of values in each interval, for columns that are stored as intervals.
        ids: ids of all rows by feature; for multi-valued features of all values, and `NO_VALUE` for each row
            without one.
        label: the label in its own unit, or class ids, ascending.
    """

    rows: int
    numbers: Mapping[str, Values]
    intervals: Mapping[str, tuple[int, ...]]
    ids: Mapping[str, npt.NDArray[np.int32]]
    label: npt.NDArray[Any]


def read_values(
    split: SplitEntry,
    folder: StoragePath,
    features: FittedFeatures,
    summaries: Mapping[str, Summary],
    *,
    classes: Sequence[int] = (),
) -> StoredValues:
    """Sample a split that has rows.

    Args:
        split: the files of the split.
        folder: the folder of the store.
        features: the features of the store.
        summaries: summary of each raw or derived number in this split.
        classes: number of rows of each class before the split was up- or down-sampled, which is undone; else empty.
    """
    sources = number_features(features)
    texts = [feature for feature in features.categorical if feature.reads == "text"]
    wanted = [feature.name for feature in sources.values()] + [name for text in texts for name in text.columns]
    table = sample_stored(split, folder, list(dict.fromkeys((*wanted, features.label.name))))
    if classes:
        table = _with_shares(table, table[features.label.name].to_numpy(), classes)
    kept = {name: feature for name, feature in sources.items() if feature.keeps_values}

    def values_of(name: str) -> Values:
        column = table[kept[name].name].to_numpy()
        return number_arrays_of(kept[name].kind).source_values(kept[name], column, summaries[name].missing)

    return StoredValues(
        rows=len(table),
        numbers=dict(zip(kept, in_threads(values_of, kept), strict=True)),
        intervals={
            name: tuple(np.bincount(table[feature.name].to_numpy(), minlength=len(feature.edges) + 2)[1:].tolist())
            for name, feature in sources.items()
            if not feature.keeps_values
        },
        ids={text.name: _ids(table, text) for text in texts},
        label=np.sort(table[features.label.name].to_numpy()),
    )


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Map the items in threads, in order; numpy releases the interpreter lock while it computes."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [*pool.map(work, items)]


def number_features(features: FittedFeatures) -> dict[str, NumberFeature]:
    """The feature that preserves the values of each raw or derived number best."""
    best: dict[str, NumberFeature] = {}
    for feature in sorted(features.of_numbers, key=lambda feature: (not feature.keeps_values, feature.is_clipped)):
        best.setdefault(feature.source, feature)
    return best


def sample_stored(split: SplitEntry, folder: StoragePath, columns: Sequence[str]) -> pa.Table:
    """Some columns of a sample, or of all rows.

    Args:
        split: the files of the split.
        folder: the folder of the store.
        columns: names in the store.
    """
    return first_rows(split, folder, columns, min(SAMPLE_ROWS, max(SAMPLE_CELLS // max(len(columns), 1), 1000)))


def first_rows(split: SplitEntry, folder: StoragePath, columns: Sequence[str], most: int) -> pa.Table:
    """Some columns of the first rows of all files.

    Args:
        split: the files of the split, which must have rows.
        folder: the folder of the store.
        columns: names in the store.
        most: the most rows to read.
    """
    parts, rows = [], 0
    for file, group in _groups(split):
        if rows >= most:
            break
        with folder.child(file.path).filesystem.open_input_file(folder.child(file.path).path) as stream:
            parts.append(pq.ParquetFile(stream, **READ_CHECKED).read_row_group(group, columns=list(columns)))
        rows += len(parts[-1])
    return pa.concat_tables(parts).slice(0, most)


def rank_error(rows: int) -> float:
    """The possible error of the rank of a quantile of a sample of `rows` (Dvoretzky, Kiefer and Wolfowitz)."""
    return math.sqrt(math.log(2 / CONFIDENCE) / (2 * rows))


def _groups(split: SplitEntry) -> Iterator[tuple[FileEntry, int]]:
    """The first row group of each file, then the second one, and so on."""
    for group in range(max((len(file.row_groups) for file in split.files), default=0)):
        yield from ((file, group) for file in split.files if group < len(file.row_groups))


def _with_shares(table: pa.Table, ids: npt.NDArray[np.int32], classes: Sequence[int]) -> pa.Table:
    """The most rows whose classes have the given shares."""
    rows_of_class = np.bincount(ids, minlength=len(classes))
    scale = min(have / count for have, count in zip(rows_of_class, classes, strict=True) if count)
    kept = [np.flatnonzero(ids == i)[: round(scale * count)] for i, count in enumerate(classes)]
    return table.take(np.sort(np.concatenate(kept)))


def _ids(table: pa.Table, feature: CategoricalFeature) -> npt.NDArray[np.int32]:
    first, *others = (table[name].to_numpy() for name in feature.columns)
    if feature.separator is None:
        return np.asarray(first, np.int32)
    padding = feature.size - 1
    ids = [np.where(first == padding, NO_VALUE, first), *(slot[slot != padding] for slot in others)]
    return np.concatenate(ids).astype(np.int32)


def is_missing(ids: npt.NDArray[np.int32], feature: TextFeature) -> npt.NDArray[np.bool_]:
    """Which ids stand for null in a feature without a vocabulary, or for a row without a value."""
    return np.equal(ids, 0 if feature.separator is None else NO_VALUE)
