"""A sample of a store's rows, read from its files without Spark, and their values in the unit of the source.

A row's shard and its place in it follow from a hash, so the first row groups of all files are a random sample. It holds
all rows of a split where there are at most `SAMPLE_ROWS`; with more, the share of rows below a sampled quantile is off
by less than 1.1 % with a probability above 1 - 1e-6 (see `features/sample.py`). Of wide tables, fewer rows are taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.curve import Curve, Values, restored
from pipeline.contract.features import (
    BucketFeature,
    CategoricalFeature,
    FeatureState,
    HashedFeature,
    ScaledFeature,
    VocabularyFeature,
    slot_names,
)
from pipeline.contract.profile import Summary
from pipeline.features.sample import CONFIDENCE
from pipeline.store.filesystem import Root
from pipeline.store.manifest import FileEntry, SplitEntry
from pipeline.store.pages import READ_CHECKED

SAMPLE_ROWS = 1 << 16
SAMPLE_CELLS = 1 << 24

_SAME = 2e-6
"""A filled value was computed by Spark, and is compared with what numpy computes, in float32."""


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
    place: Root,
    state: FeatureState,
    summaries: Mapping[str, Summary],
    *,
    classes: Sequence[int] = (),
) -> StoredValues:
    """Sample a split that has rows.

    Args:
        split: its files.
        place: the folder of the store.
        state: what made the stored columns.
        summaries: of each raw or derived number, in this split.
        classes: rows of each class before the split was up- or down-sampled, to undo that; empty where it was not.
    """
    sources = number_features(state)
    texts = [feature for feature in state.categorical if isinstance(feature, (VocabularyFeature, HashedFeature))]
    wanted = [feature.name for feature in sources.values()] + [name for text in texts for name in slot_names(text)]
    table = sample_stored(split, place, list(dict.fromkeys((*wanted, state.label.name))))
    if classes:
        table = _with_shares(table, table[state.label.name].to_numpy(), classes)
    return StoredValues(
        rows=len(table),
        numbers={
            name: known_values(table[feature.name].to_numpy(), feature, summaries[name])
            for name, feature in sources.items()
            if isinstance(feature, ScaledFeature)
        },
        intervals={
            name: tuple(np.bincount(table[feature.name].to_numpy(), minlength=feature.size)[1:].tolist())
            for name, feature in sources.items()
            if isinstance(feature, BucketFeature)
        },
        ids={text.name: _ids(table, text) for text in texts},
        label=np.sort(table[state.label.name].to_numpy()),
    )


def number_features(state: FeatureState) -> dict[str, ScaledFeature | BucketFeature]:
    """The feature from which the values of each raw or derived number can be told best."""
    found: dict[str, ScaledFeature | BucketFeature] = {}
    scaled = [feature for feature in state.numeric if isinstance(feature, ScaledFeature)]
    buckets = [feature for feature in state.categorical if isinstance(feature, BucketFeature)]
    for feature in sorted(scaled, key=is_clipped):
        found.setdefault(feature.source, feature)
    for bucket in buckets:
        found.setdefault(bucket.source, bucket)
    return found


def is_clipped(feature: ScaledFeature) -> bool:
    """Whether values beyond a bound became the bound."""
    return feature.low is not None or feature.high is not None


def sample_stored(split: SplitEntry, place: Root, columns: Sequence[str]) -> pa.Table:
    """Some columns of some rows, or of all.

    Args:
        split: its files.
        place: the folder of the store.
        columns: names in the store.
    """
    return first_rows(split, place, columns, min(SAMPLE_ROWS, max(SAMPLE_CELLS // max(len(columns), 1), 1000)))


def first_rows(split: SplitEntry, place: Root, columns: Sequence[str], most: int) -> pa.Table:
    """Some columns of the first rows of all files, at most so many.

    Args:
        split: its files; it has rows.
        place: the folder of the store.
        columns: names in the store.
        most: how many rows.
    """
    parts, rows = [], 0
    for file, group in _groups(split):
        if rows >= most:
            break
        with place.within(file.path).filesystem.open_input_file(place.within(file.path).path) as stream:
            parts.append(pq.ParquetFile(stream, **READ_CHECKED).read_row_group(group, columns=list(columns)))
        rows += len(parts[-1])
    return pa.concat_tables(parts).slice(0, most)


def rank_error(rows: int) -> float:
    """By how much the rank of a quantile of a sample of so many rows may be off (Dvoretzky, Kiefer and Wolfowitz)."""
    return math.sqrt(math.log(2 / CONFIDENCE) / (2 * rows))


def known_values(stored: npt.NDArray[np.float32], feature: ScaledFeature, summary: Summary) -> Values:
    """The values that were there, in the unit of the source, ascending; those that were filled in are left out.

    Args:
        stored: the feature's column.
        feature: what made it.
        summary: of the split, for how many were missing.
    """
    kept = stored
    if feature.fill is not None and summary.missing:
        filled = (Curve.of(feature).array(np.array([feature.fill])) - feature.center) / feature.scale
        alike = np.flatnonzero(np.isclose(stored, filled[0], rtol=_SAME, atol=_SAME))
        kept = np.delete(stored, alike[: round(summary.missing * len(stored))])
    return np.sort(_plain(kept[np.isfinite(kept)], feature))


def _plain(stored: npt.NDArray[np.float32], feature: ScaledFeature) -> Values:
    """The values, without the digits that float32 does not hold: 0.1 and not 0.10000000149, 0 and not -0."""
    values = restored(stored.astype(np.float64), feature)
    apart = restored(np.nextafter(stored, np.float32(np.inf)).astype(np.float64), feature) - values
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        unit = np.power(10.0, np.ceil(np.log10(np.abs(apart))))
        plain = np.rint(values / unit) * unit + 0.0
    return np.where(np.isfinite(plain), plain, values)


def _groups(split: SplitEntry) -> Iterator[tuple[FileEntry, int]]:
    """The first row group of each file, then the second one, and so on."""
    for group in range(max((len(file.row_groups) for file in split.files), default=0)):
        yield from ((file, group) for file in split.files if group < len(file.row_groups))


def _with_shares(table: pa.Table, ids: npt.NDArray[np.int32], classes: Sequence[int]) -> pa.Table:
    """As many of the rows as have the classes in the given shares."""
    there = np.bincount(ids, minlength=len(classes))
    scale = min(have / count for have, count in zip(there, classes, strict=True) if count)
    kept = [np.flatnonzero(ids == i)[: round(scale * count)] for i, count in enumerate(classes)]
    return table.take(np.sort(np.concatenate(kept)))


def _ids(table: pa.Table, feature: CategoricalFeature) -> npt.NDArray[np.int32]:
    ids: npt.NDArray[np.int32] = np.concatenate([table[name].to_numpy() for name in slot_names(feature)])
    return ids if feature.separator is None else ids[ids != feature.size - 1]
