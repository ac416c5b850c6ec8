"""Which split, which shard and which place in it a row gets: decided by its own values alone.

Nothing here depends on the order of rows, on partitions or on other rows, so a row keeps its split when rows are
added, files are rewritten or other columns appear.

    row_id = hash(key columns), or hash(all used columns) without a key
    unit   = hash(group columns), or row_id without groups
    u      = hash("split", seed, unit) as a number in [0, 1)

    0                    train                    1 - test            1
    |--------- train ---------|--- validation ---|------- test -------|

Test rows are counted from the end, so they stay test rows when only the share of validation changes. Rows of one
key share a split; within it, each goes to a shard of its own by the hash of the whole row, and so the rows of a
frequent key spread evenly. By time, cuts take the place of the hash; by column, its value does.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.hashing import hash_of, salted, uniform
from pipeline.arrays.masks import mask_of, missing_of
from pipeline.config.data import DataConfig
from pipeline.config.split import FoldConfig, Method, SplitConfig, SplitFractions
from pipeline.config.timestamp import axis_position
from pipeline.preparation.reading.raw import RawTable
from pipeline.preparation.rows.timestamps import TimeColumn, column_of, find_cuts, open_time
from pipeline.preparation.rows.typed_rows import Hashes, Indices, TypedRows
from pipeline.store.layout import SPLITS

log = logging.getLogger(__name__)

MAX_SHARDS = 16
MIN_ROWS_PER_SHARD = 16
"""Below this, shards differ too much in length, and padding would outweigh real rows."""

TRAIN, VALIDATION, TEST = range(3)
LEFT_OUT = 3
"""Of rows in a gap before a cut, or that the filter leaves out: they are in no split."""

QUARANTINED = 4
"""The split of rows that cannot be used."""

NOWHERE = -1
"""The split of rows of which nothing tells where they belong; they are quarantined."""


@dataclass(frozen=True)
class ResolvedSplit:
    """How rows are divided, with everything known that the data had to be asked for.

    Attributes:
        method: what decides.
        fractions: shares, where a hash decides.
        key: names of data.key, for which the id of a row stands.
        groups: names of data.group.
        strata: names of split.by.
        bins: intervals of a number in `strata`.
        time: the time column, where it decides.
        cuts: where splits after the first begin: their index and the place on the axis of time, ascending.
        gap: how long before a cut rows are left out.
        column: name of split.column.
        values: of that column, for each split by its index.
    """

    method: Method
    fractions: SplitFractions = field(default_factory=SplitFractions)
    key: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    bins: int = 10
    time: TimeColumn | None = None
    cuts: tuple[tuple[int, float], ...] = ()
    gap: float = 0.0
    column: str | None = None
    values: tuple[tuple[str, ...], ...] = ()

    @property
    def by_hash(self) -> bool:
        """Whether a hash of the key or group decides, so that neither can be in two splits."""
        return self.method in ("hash", "stratified", "group")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The splits that must get rows."""
        if self.method == "time":
            indices = {TRAIN, *(index for index, _ in self.cuts)}
        elif self.method == "column":
            indices = {index for index, values in enumerate(self.values) if values}
        else:
            indices = {index for index, name in enumerate(SPLITS) if getattr(self.fractions, name)}
        return tuple(SPLITS[index] for index in sorted(indices))

    @property
    def shares(self) -> Mapping[str, float]:
        """The share that each split should get, where a hash decides; else empty."""
        return self.fractions.model_dump() if self.by_hash else {}


def needed_columns(config: SplitConfig | FoldConfig, data: DataConfig) -> tuple[str, ...]:
    """Columns of the source that a division needs besides features, label and key; each once."""
    strata = (config.by or (data.label,)) if config.method == "stratified" else ()
    time = (data.time,) if config.method == "time" and data.time else ()
    column = (config.column,) if isinstance(config, SplitConfig) and config.column else ()
    return tuple(dict.fromkeys((*data.group, *time, *strata, *column)))


def resolve_split(config: SplitConfig, data: DataConfig, raw: RawTable) -> ResolvedSplit:
    """Find what a division needs to know; runs queries only to divide by time, for what was left open.

    Args:
        config: the division.
        data: the roles of columns.
        raw: the columns that are read.

    Raises:
        ConfigError: the cuts do not fit the time column.
        DataError: the time column holds neither dates nor numbers, or too few of them.
    """
    split = ResolvedSplit(config.method, config.fractions, key=data.key, groups=data.group)
    match config.method:
        case "stratified":
            return replace(split, strata=config.by or (data.label,), bins=config.bins)
        case "column":
            assert config.column is not None and config.values is not None
            values = tuple(getattr(config.values, name) for name in SPLITS)
            return replace(split, column=config.column, values=values)
        case "time":
            assert data.time is not None
            columns = column_of(raw, data.time)
            kind = raw.kind(data.time)
            time = open_time(raw.scan, columns, kind, data.time, given=config.cuts, gap=config.gap)
            return replace(split, time=time, cuts=_cuts(config, raw, time), gap=config.extent)
    return split


def group_of(rows: TypedRows, groups: Sequence[str]) -> pa.Array | None:
    """int64 [n]: a hash that rows of one group share; null where a part of the group's name is missing."""
    if not groups:
        return None
    texts = [rows.text(name) for name in groups]
    missing = np.logical_or.reduce([missing_of(text) for text in texts])
    return pa.array(hash_of(texts), mask=missing)


def split_of(
    rows: TypedRows, split: ResolvedSplit, *, seed: int, row_id: Hashes, moment: pa.Array | None, group: pa.Array | None
) -> Indices:
    """[n]: the index of the split, `LEFT_OUT`, or `NOWHERE`.

    Args:
        rows: typed.
        split: what decides.
        seed: mixed into the hash.
        row_id: [n], of the key.
        moment: float64 [n], where time decides.
        group: int64 [n], from `group_of`.
    """
    if split.time:
        assert moment is not None
        return _split_by_time(moment, split)
    if split.column:
        return _split_by_value(rows.text(split.column), split.values)
    if group is None:
        return _split_by_hash(salted("split", seed, row_id), split.fractions)
    found = _split_by_hash(salted("split", seed, group.fill_null(0).to_numpy()), split.fractions)
    return np.where(missing_of(group), NOWHERE, found).astype(np.int32)


def shard_of(seed: int, row_hash: Hashes) -> Indices:
    """[n]: a number below `MAX_SHARDS`."""
    return np.mod(salted("shard", seed, row_hash), MAX_SHARDS).astype(np.int32)


def order_of(seed: int, row_hash: Hashes) -> Hashes:
    """[n]: by which the rows of a shard are sorted."""
    return salted("order", seed, row_hash)


def shards_for(train_rows: int) -> int:
    """How many virtual shards: 16, halved until each has `MIN_ROWS_PER_SHARD` training rows on average."""
    shards = MAX_SHARDS
    while shards > 1 and train_rows < shards * MIN_ROWS_PER_SHARD:
        shards //= 2
    return shards


def _split_by_hash(hashed: Hashes, fractions: SplitFractions) -> Indices:
    """Without a validation share there is one cut, so that no gap can open."""
    unit = uniform(hashed)
    train_end = fractions.train if fractions.validation else 1.0 - fractions.test
    found = np.where(unit >= 1.0 - fractions.test, TEST, VALIDATION)
    return np.where(unit < train_end, TRAIN, found).astype(np.int32)


def _split_by_time(moment: pa.Array, split: ResolvedSplit) -> Indices:
    """From the first cut to the last: the gap before it, then the split from it on."""
    places = moment.to_numpy(zero_copy_only=False)
    found = np.full(len(places), TRAIN, np.int32)
    for begun, cut in split.cuts:
        if split.gap:
            found[places >= cut - split.gap] = LEFT_OUT
        found[places >= cut] = begun
    found[np.isnan(places)] = NOWHERE
    return found


def _split_by_value(text: pa.Array, values: Sequence[Sequence[str]]) -> Indices:
    found = np.full(len(text), NOWHERE, np.int32)
    for index, names in reversed([*enumerate(values)]):
        if names:
            found[mask_of(pc.is_in(text, pa.array(names, pa.string())))] = index
    return found


def _cuts(config: SplitConfig, raw: RawTable, time: TimeColumn) -> tuple[tuple[int, float], ...]:
    given = ((VALIDATION, config.validation_from), (TEST, config.test_from))
    if config.cuts:
        return tuple((index, axis_position(cut)) for index, cut in given if cut is not None)
    shares, fractions = [], config.fractions
    if fractions.validation:
        shares.append((VALIDATION, fractions.train))
    if fractions.test:
        shares.append((TEST, 1.0 - fractions.test))
    if not shares:
        return ()
    places, unit = find_cuts(raw.scan, column_of(raw, time.name), time, [share for _, share in shares])
    log.warning(
        "The splits by time are cut at %s, found from the rows to %s. Cuts move when rows are added; "
        "set split.validation_from and split.test_from to keep them.",
        " and ".join(time.text(place) for place in places),
        unit,
    )
    return tuple((index, place) for (index, _), place in zip(shares, places, strict=True))
