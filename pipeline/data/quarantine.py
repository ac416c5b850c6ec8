"""Rows that cannot be used, set aside as Parquet: the reason, the line or the values, nothing changed.

reason     string, all that is wrong with the row
line       string, the raw line where it is malformed, else its values as JSON, by column
"""

from __future__ import annotations

from collections.abc import Sequence

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from pipeline.data.faults import Fault, reason_of
from pipeline.data.raw import MALFORMED, RawTable
from pipeline.data.split import ORDER, SPLIT
from pipeline.data.table import QUARANTINED
from pipeline.store.filesystem import Root

QUARANTINE = "quarantine"


def write_quarantine(rows: DataFrame, raw: RawTable, faults: Sequence[Fault], work: Root) -> None:
    """Write the unusable rows of a table below `work`, in an order of their own."""
    values = F.to_json(
        F.struct(*(F.col(raw.column(name)).cast("string").alias(name) for name in raw.names)),
        {"ignoreNullFields": "false"},
    )
    line = F.coalesce(F.col(MALFORMED), values) if raw.has_lines else values
    chosen = rows.where(F.col(SPLIT) == QUARANTINED)
    columns = chosen.select(reason_of(faults).alias("reason"), line.alias("line"), ORDER)
    ordered = columns.coalesce(1).sortWithinPartitions("reason", "line", ORDER)
    ordered.select("reason", "line").write.parquet(work.within(QUARANTINE).uri, compression="snappy")


def counts_by_reason(rows: DataFrame, faults: Sequence[Fault]) -> dict[str, int]:
    """How many unusable rows there are of each reason."""
    chosen = rows.where(F.col(SPLIT) == QUARANTINED)
    found = chosen.groupBy(reason_of(faults).alias("reason")).count().collect()
    return {row["reason"]: row["count"] for row in sorted(found, key=lambda row: str(row["reason"]))}
