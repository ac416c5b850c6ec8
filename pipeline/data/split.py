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

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.config.data import DataConfig
from pipeline.config.moment import place_of
from pipeline.config.split import FoldConfig, Method, SplitConfig, SplitFractions
from pipeline.data.convert import any_null, category_of
from pipeline.data.moment import MOMENT, TimeColumn, find_cuts, open_time, with_moment
from pipeline.store.layout import SPLITS

log = logging.getLogger(__name__)

SPLIT, SHARD, ORDER = "__split", "__shard", "__order"
"""Columns: the index in `SPLITS`, `LEFT_OUT`, or null where nothing decides (see `unplaced.py`); a number below
`MAX_SHARDS`; int64 by which the rows of a shard are sorted."""

VALUES = "__values"
"""Column: int64, a hash of a row's features and label and of nothing else: rows of different keys can be equal."""

GROUP_ID = "__group_id"
"""Column: int64, a hash that rows of one group share; null where a part of the group's name is missing."""

ROW_HASH = "__row_hash"
"""Column: int64, a hash of all values of a row that are used."""

MAX_SHARDS = 16
MIN_ROWS_PER_SHARD = 16
"""Below this, shards differ too much in length, and padding would outweigh real rows."""

TRAIN, VALIDATION, TEST = range(3)
LEFT_OUT = 3
"""Of rows in a gap before a cut: they are in no split."""

_UNIT = float(1 << 53)


@dataclass(frozen=True)
class ResolvedSplit:
    """How rows are divided, with everything known that the data had to be asked for.

    Attributes:
        method: what decides.
        fractions: shares, where a hash decides.
        key: names of data.key in the source, for which `ROW_ID` stands.
        groups: safe columns and names of data.group.
        strata: safe columns and names of split.by.
        bins: intervals of a number in `strata`.
        time: the time column, where it decides.
        cuts: where splits after the first begin: their index and the place on the axis of time, ascending.
        gap: how long before a cut rows are left out.
        column: safe column and name of split.column.
        values: of that column, for each split by its index.
    """

    method: Method
    fractions: SplitFractions = field(default_factory=SplitFractions)
    key: tuple[str, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    strata: tuple[tuple[str, str], ...] = ()
    bins: int = 10
    time: TimeColumn | None = None
    cuts: tuple[tuple[int, float], ...] = ()
    gap: float = 0.0
    column: tuple[str, str] | None = None
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


def resolve_split(config: SplitConfig, data: DataConfig, columns: Mapping[str, str], rows: DataFrame) -> ResolvedSplit:
    """Find what a division needs to know; runs queries only to divide by time, for what was left open.

    Args:
        config: the division.
        data: the roles of columns.
        columns: the safe column of each that `needed_columns` names, with its raw values.
        rows: with these columns.

    Raises:
        ConfigError: the cuts do not fit the time column.
        DataError: the time column holds neither dates nor numbers, or too few of them.
    """
    groups = tuple((columns[name], name) for name in data.group)
    split = ResolvedSplit(config.method, config.fractions, key=data.key, groups=groups)
    match config.method:
        case "stratified":
            strata = tuple((columns[name], name) for name in config.by or (data.label,))
            return replace(split, strata=strata, bins=config.bins)
        case "column":
            assert config.column is not None and config.values is not None
            values = tuple(getattr(config.values, name) for name in SPLITS)
            return replace(split, column=(columns[config.column], config.column), values=values)
        case "time":
            assert data.time is not None
            time = open_time(rows, columns[data.time], data.time, given=config.cuts, gap=config.gap)
            return replace(split, time=time, cuts=_cuts(config, rows, time), gap=config.extent)
    return split


def with_unit(rows: DataFrame, split: ResolvedSplit) -> DataFrame:
    """Add `MOMENT` and `GROUP_ID` where there is a time or a group."""
    return with_group(with_moment(rows, split.time) if split.time else rows, split.groups)


def placed(rows: DataFrame, split: ResolvedSplit, *, seed: int, row_id: Column, row_hash: Column) -> dict[str, Column]:
    """The columns `SPLIT`, `SHARD` and `ORDER`.

    Args:
        rows: from `with_unit`.
        split: what decides.
        seed: mixed into every hash.
        row_id: int64, of the key.
        row_hash: int64, of the whole row.
    """
    return {
        SPLIT: _split_of(rows, split, seed, row_id),
        SHARD: F.pmod(salted("shard", seed, row_hash), F.lit(MAX_SHARDS)).cast("int"),
        ORDER: salted("order", seed, row_hash),
    }


def shards_for(train_rows: int) -> int:
    """How many virtual shards: 16, halved until each has `MIN_ROWS_PER_SHARD` training rows on average."""
    shards = MAX_SHARDS
    while shards > 1 and train_rows < shards * MIN_ROWS_PER_SHARD:
        shards //= 2
    return shards


def hash_of(columns: Sequence[Column]) -> Column:
    """int64: xxHash64 over values; -0.0 must have been made 0.0 before."""
    return F.xxhash64(*columns)


def text_of_column(rows: DataFrame, column: str) -> Column:
    """String: a raw value as the text of a category, whatever the file format."""
    return category_of(F.col(column), rows.schema[column].dataType)


def with_group(rows: DataFrame, groups: Sequence[tuple[str, str]]) -> DataFrame:
    """Add `GROUP_ID` where there are groups: safe columns and names."""
    if not groups:
        return rows
    texts = [text_of_column(rows, column) for column, _ in groups]
    return rows.withColumn(GROUP_ID, F.when(~any_null(texts), hash_of(texts)))


def salted(purpose: str, seed: int, value: Column) -> Column:
    """int64: a hash of `value` that is independent for each purpose and seed."""
    return F.xxhash64(F.lit(purpose), F.lit(seed), value)


def uniform(hashed: Column) -> Column:
    """Double in [0, 1): the upper 53 bits, which a double holds exactly."""
    return F.shiftrightunsigned(hashed, 11).cast("double") / F.lit(_UNIT)


def _split_of(rows: DataFrame, split: ResolvedSplit, seed: int, row_id: Column) -> Column:
    """Int: the index of the split."""
    if split.time:
        return _split_by_time(F.col(MOMENT), split)
    if split.column:
        return _split_by_value(text_of_column(rows, split.column[0]), split.values)
    unit = F.col(GROUP_ID) if split.groups else row_id
    index = _split_by_hash(uniform(salted("split", seed, unit)), split.fractions)
    return F.when(unit.isNotNull(), index) if split.groups else index


def _split_by_hash(unit: Column, fractions: SplitFractions) -> Column:
    """Without a validation share there is one cut, so that no gap can open."""
    train_end = fractions.train if fractions.validation else 1.0 - fractions.test
    train = F.when(unit < F.lit(train_end), F.lit(TRAIN))
    return train.when(unit >= F.lit(1.0 - fractions.test), F.lit(TEST)).otherwise(F.lit(VALIDATION))


def _split_by_time(moment: Column, split: ResolvedSplit) -> Column:
    """From the last cut to the first: the split from a cut on, then the gap before it."""
    index = F.when(moment.isNull(), F.lit(None).cast("int"))
    for begun, cut in reversed(split.cuts):
        index = index.when(moment >= F.lit(cut), F.lit(begun))
        if split.gap:
            index = index.when(moment >= F.lit(cut - split.gap), F.lit(LEFT_OUT))
    return index.otherwise(F.lit(TRAIN))


def _split_by_value(text: Column, values: Sequence[Sequence[str]]) -> Column:
    cases = [(index, names) for index, names in enumerate(values) if names]
    first, *others = cases
    known = F.when(text.isin(*first[1]), F.lit(first[0]))
    for index, names in others:
        known = known.when(text.isin(*names), F.lit(index))
    return known


def _cuts(config: SplitConfig, rows: DataFrame, time: TimeColumn) -> tuple[tuple[int, float], ...]:
    given = ((VALIDATION, config.validation_from), (TEST, config.test_from))
    if config.cuts:
        return tuple((index, place_of(cut)) for index, cut in given if cut is not None)
    shares, fractions = [], config.fractions
    if fractions.validation:
        shares.append((VALIDATION, fractions.train))
    if fractions.test:
        shares.append((TEST, 1.0 - fractions.test))
    if not shares:
        return ()
    places, unit = find_cuts(rows, time, [share for _, share in shares])
    log.warning(
        "The splits by time are cut at %s, found from the rows to %s. Cuts move when rows are added; "
        "set split.validation_from and split.test_from to keep them.",
        " and ".join(time.text(place) for place in places),
        unit,
    )
    return tuple((index, place) for (index, _), place in zip(shares, places, strict=True))
