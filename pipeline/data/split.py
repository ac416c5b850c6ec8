"""Which split, which shard and which place in it a row gets: decided by hashes of its own values alone.

Nothing here depends on the order of rows, on partitions or on other rows, so a row keeps its split when rows are
added, files are rewritten or other columns appear.

    row_id = hash(key columns), or hash(all used columns) without a key
    u      = hash("split", seed, row_id) as a number in [0, 1)

    0                    train                    1 - test            1
    |--------- train ---------|--- validation ---|------- test -------|

Test rows are counted from the end, so they stay test rows when only the share of validation changes. Rows of one
key share a split; within it, each goes to a shard of its own by the hash of the whole row, and so the rows of a
frequent key spread evenly.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.config.split import SplitFractions

SPLIT, SHARD, ORDER = "__split", "__shard", "__order"
"""Columns: the index in `SPLITS`; a number below `MAX_SHARDS`; int64 by which the rows of a shard are sorted."""

ROW_HASH = "__row_hash"
"""Column: int64, a hash of all values of a row that are used."""

MAX_SHARDS = 16
MIN_ROWS_PER_SHARD = 16
"""Below this, shards differ too much in length, and padding would outweigh real rows."""

TRAIN, VALIDATION, TEST = range(3)
_UNIT = float(1 << 53)


def shards_for(train_rows: int) -> int:
    """How many virtual shards: 16, halved until each has `MIN_ROWS_PER_SHARD` training rows on average."""
    shards = MAX_SHARDS
    while shards > 1 and train_rows < shards * MIN_ROWS_PER_SHARD:
        shards //= 2
    return shards


def hash_of(columns: Sequence[Column]) -> Column:
    """int64: xxHash64 over values; -0.0 must have been made 0.0 before."""
    return F.xxhash64(*columns)


def with_split(rows: DataFrame, row_id: str, fractions: SplitFractions, seed: int) -> DataFrame:
    """Add `SPLIT`, `SHARD` and `ORDER`.

    Args:
        rows: with the columns `row_id` and `ROW_HASH`.
        row_id: the column whose equal values share a split.
        fractions: shares of the splits.
        seed: mixed into every hash.
    """
    place = _salted("shard", seed, ROW_HASH)
    return rows.withColumns(
        {
            SPLIT: _split_of(_unit(_salted("split", seed, row_id)), fractions),
            SHARD: F.pmod(place, F.lit(MAX_SHARDS)).cast("int"),
            ORDER: _salted("order", seed, ROW_HASH),
        }
    )


def _salted(purpose: str, seed: int, column: str) -> Column:
    """int64: independent for each purpose and seed."""
    return F.xxhash64(F.lit(purpose), F.lit(seed), F.col(column))


def _unit(hashed: Column) -> Column:
    """Double in [0, 1): the upper 53 bits, which a double holds exactly."""
    return F.shiftrightunsigned(hashed, 11).cast("double") / F.lit(_UNIT)


def _split_of(unit: Column, fractions: SplitFractions) -> Column:
    """Int: the index of the split. Without a validation share there is one cut, so that no gap can open."""
    train_end = fractions.train if fractions.validation else 1.0 - fractions.test
    train = F.when(unit < F.lit(train_end), F.lit(TRAIN))
    return train.when(unit >= F.lit(1.0 - fractions.test), F.lit(TEST)).otherwise(F.lit(VALIDATION))
