"""Rows that cannot be used, set aside as Parquet: the reason, the line or the values, nothing changed.

reason     string, all that is wrong with the row
line       string, the raw line where it is malformed, else its values as JSON, by column
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from pipeline.data.faults import Fault, reason_of
from pipeline.data.opening import Opened
from pipeline.data.raw import MALFORMED, RawTable
from pipeline.data.split import SPLIT
from pipeline.data.table import QUARANTINED
from pipeline.errors import SHOWN_AT_MOST
from pipeline.store.filesystem import Root

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"


def write_bad_rows(opened: Opened, work: Root) -> dict[str, int]:
    """Set the bad rows of a source aside, in the folder of what is made of its other rows; see `write_quarantine`."""
    bad = opened.table.rows.where(F.col(SPLIT) == QUARANTINED)
    return write_quarantine(bad, opened.raw, opened.faults, work.within(QUARANTINE))


def write_quarantine(bad: DataFrame, raw: RawTable, faults: Sequence[Fault], place: Root) -> dict[str, int]:
    """Write unusable rows into a folder, in an order of their own.

    Args:
        bad: the rows, with the columns that the faults are conditions on.
        raw: the columns that are shown.
        faults: what can be wrong with a row.
        place: the folder.

    Returns:
        How many there are of each reason, the most frequent first; a row counts once, with all its reasons together.
    """
    values = F.to_json(
        F.struct(*(F.col(raw.column(name)).cast("string").alias(name) for name in raw.names)),
        {"ignoreNullFields": "false"},
    )
    line = F.coalesce(F.col(MALFORMED), values) if raw.has_lines else values
    columns = bad.select(reason_of(faults).alias("reason"), line.alias("line"))
    with _piecewise(bad.sparkSession):
        columns.coalesce(1).sortWithinPartitions("reason", "line").write.parquet(place.uri, compression="snappy")
    found = bad.sparkSession.read.parquet(place.uri).groupBy("reason").count().collect()
    return {row["reason"]: row["count"] for row in sorted(found, key=lambda row: (-row["count"], row["reason"]))}


@contextmanager
def _piecewise(spark: SparkSession) -> Iterator[None]:
    """Compile expressions one by one: all conditions of a row in one method outgrow Java's limit, noisily."""
    setting = "spark.sql.codegen.wholeStage"
    before = spark.conf.get(setting)
    spark.conf.set(setting, "false")
    try:
        yield
    finally:
        spark.conf.set(setting, before or "true")


def tell_quarantined(reasons: Mapping[str, int], total: int, place: Root) -> None:
    """Warn of rows that were set aside.

    Args:
        reasons: from `write_quarantine`.
        total: rows in the source.
        place: where they are.
    """
    bad = sum(reasons.values())
    lines = [f"  {count:,}  {reason}" for reason, count in list(reasons.items())[:SHOWN_AT_MOST]]
    hidden = len(reasons) - len(lines)
    tail = [f"  ... and {hidden} more reasons."] if hidden else []
    log.warning(
        "%s of %s rows cannot be used and were set aside, with the reason and the line, in %s:\n%s",
        f"{bad:,}",
        f"{total:,}",
        place.path,
        "\n".join([*lines, *tail]),
    )
