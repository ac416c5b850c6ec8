"""A sample of a store's rows, read from its files without Spark, and their values in the unit of the source.

A row's shard and its place in it follow from a hash, so the first row groups of all files are a random sample. It holds
all rows of a split where there are at most `SAMPLE_ROWS`; with more, the share of rows below a sampled quantile is off
by less than 1.1 % with a probability above 1 - 1e-6 (see `preparation/statistics/sample.py`). Of wide tables, fewer
rows are taken.
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
from pipeline.kinds.feature import NumberFeature
from pipeline.kinds.fitted_features import CategoricalFeature, FittedFeatures
from pipeline.kinds.registry import number_arrays_of
from pipeline.preparation.statistics.sample import CONFIDENCE
from pipeline.schemas.profile import Summary
from pipeline.store.filesystem import StoragePath
from pipeline.store.manifest import FileEntry, SplitEntry
from pipeline.store.pages import READ_CHECKED

SAMPLE_ROWS = 1 << 16
SAMPLE_CELLS = 1 << 24
THREADS = 4
"""Of the driver, whose cores Spark's tasks have left by then."""

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class StoredValues:
    """What a sample of one split holds.

    Attributes:
        rows: in the sample.
        numbers: by raw or derived column, finite values in the unit of the source, ascending.
        intervals: of columns that are stored as intervals, how many values each interval has.
        ids: by feature, of every row; of a multi-valued feature, of every value.
        label: in its own unit, ascending; or ids of classes.
    """

    rows: int
    numbers: Mapping[str, Values]
    intervals: Mapping[str, tuple[int, ...]]
    ids: Mapping[str, npt.NDArray[np.int32]]
    label: npt.NDArray[Any]


def read_values(
    split: SplitEntry,
    folder: StoragePath,
    state: FittedFeatures,
    summaries: Mapping[str, Summary],
    *,
    classes: Sequence[int] = (),
) -> StoredValues:
    """Sample a split that has rows.

    Args:
        split: its files.
        folder: the folder of the store.
        state: what made the stored columns.
        summaries: of each raw or derived number, in this split.
        classes: rows of each class before the split was up- or down-sampled, to undo that; empty where it was not.
    """
    sources = number_features(state)
    texts = [feature for feature in state.categorical if feature.reads == "text"]
    wanted = [feature.name for feature in sources.values()] + [name for text in texts for name in text.columns]
    table = sample_stored(split, folder, list(dict.fromkeys((*wanted, state.label.name))))
    if classes:
        table = _with_shares(table, table[state.label.name].to_numpy(), classes)
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
        label=np.sort(table[state.label.name].to_numpy()),
    )


def in_threads(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """What is made of each item, in their order; numpy lets other threads run while it works."""
    with ThreadPoolExecutor(THREADS) as pool:
        return [*pool.map(work, items)]


def number_features(state: FittedFeatures) -> dict[str, NumberFeature]:
    """The feature from which the values of each raw or derived number can be told best."""
    features: dict[str, NumberFeature] = {}
    for feature in sorted(state.of_numbers, key=lambda feature: (not feature.keeps_values, feature.is_clipped)):
        features.setdefault(feature.source, feature)
    return features


def sample_stored(split: SplitEntry, folder: StoragePath, columns: Sequence[str]) -> pa.Table:
    """Some columns of some rows, or of all.

    Args:
        split: its files.
        folder: the folder of the store.
        columns: names in the store.
    """
    return first_rows(split, folder, columns, min(SAMPLE_ROWS, max(SAMPLE_CELLS // max(len(columns), 1), 1000)))


def first_rows(split: SplitEntry, folder: StoragePath, columns: Sequence[str], most: int) -> pa.Table:
    """Some columns of the first rows of all files, at most so many.

    Args:
        split: its files; it has rows.
        folder: the folder of the store.
        columns: names in the store.
        most: how many rows.
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
    """By how much the rank of a quantile of a sample of so many rows may be off (Dvoretzky, Kiefer and Wolfowitz)."""
    return math.sqrt(math.log(2 / CONFIDENCE) / (2 * rows))


def _groups(split: SplitEntry) -> Iterator[tuple[FileEntry, int]]:
    """The first row group of each file, then the second one, and so on."""
    for group in range(max((len(file.row_groups) for file in split.files), default=0)):
        yield from ((file, group) for file in split.files if group < len(file.row_groups))


def _with_shares(table: pa.Table, ids: npt.NDArray[np.int32], classes: Sequence[int]) -> pa.Table:
    """As many of the rows as have the classes in the given shares."""
    rows_of_class = np.bincount(ids, minlength=len(classes))
    scale = min(have / count for have, count in zip(rows_of_class, classes, strict=True) if count)
    kept = [np.flatnonzero(ids == i)[: round(scale * count)] for i, count in enumerate(classes)]
    return table.take(np.sort(np.concatenate(kept)))


def _ids(table: pa.Table, feature: CategoricalFeature) -> npt.NDArray[np.int32]:
    ids: npt.NDArray[np.int32] = np.concatenate([table[name].to_numpy() for name in feature.columns])
    return ids if feature.separator is None else ids[ids != feature.size - 1]
