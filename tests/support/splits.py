"""Rows with the split that they get."""

from __future__ import annotations

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from pipeline.contract.columns import ROW_ID
from pipeline.data.split import ROW_HASH, ResolvedSplit, placed, with_unit


def with_split(rows: DataFrame, split: ResolvedSplit, *, seed: int) -> DataFrame:
    """Add `SPLIT`, `SHARD` and `ORDER`, and `MOMENT` and `GROUP_ID` where there is a time or a group.

    Args:
        rows: with the columns `ROW_ID`, `ROW_HASH` and those of `split`.
        split: what decides.
        seed: mixed into every hash.
    """
    rows = with_unit(rows, split)
    return rows.withColumns(placed(rows, split, seed=seed, row_id=F.col(ROW_ID), row_hash=F.col(ROW_HASH)))
