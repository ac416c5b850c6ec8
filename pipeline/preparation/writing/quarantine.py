"""Writes bad rows to a quarantine as Parquet, with their reasons and unchanged values.

reason       string, all errors of the row
file         string, the file of the row, as messages name it; null where Spark reads the source
line_number  int64, the line of the file in which the row begins, from 1; null where `file` is, or the format has none
line         string, the raw line where it is malformed, else its values as a JSON object by column
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyspark.sql.functions as F

from pipeline.arrays.cells import raw_text
from pipeline.arrays.masks import Mask
from pipeline.formatting import SHOWN_AT_MOST
from pipeline.preparation.reading.part_files import read_parts, write_parts
from pipeline.preparation.reading.row_origins import files_of, line_numbers_of, with_origins
from pipeline.preparation.reading.scan import Batches, Scan
from pipeline.preparation.rows.row_errors import RowError, reasons_of
from pipeline.preparation.rows.split import QUARANTINED
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import TypedRows
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.large_files import copy_file

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"


_ROWS = pa.schema([("reason", pa.string()), ("file", pa.string()), ("line_number", pa.int64()), ("line", pa.string())])


@dataclass(frozen=True)
class QuarantinedRows:
    """Quarantined rows.

    Attributes:
        names: names of the files; an object store may have others in the folder, which do not belong to them.
        reasons: number of rows by reason, the most frequent first; a row counts once, for its joined reasons.
    """

    names: Sequence[str] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)


def write_bad_rows(table: Table, work: StoragePath) -> Mapping[str, int]:
    """Quarantine the bad rows of a source in the folder of its store; returns the number of rows by reason.

    No manifest lists these files, so their names are the same for every job with the same inputs. In an object store,
    where attempts of tasks may leave files with unique names, the files are copied to these names.
    """
    program = table.program

    def bad(batch: pa.RecordBatch) -> tuple[TypedRows, Mask]:
        rows = program.rows(batch)
        return rows.typed, rows.placement.split == QUARANTINED

    folder = work.child(QUARANTINE)
    if folder.renames_folders:
        written = write_quarantine(table.scan, bad, program.row_errors, folder)
        for number, name in enumerate(written.names):
            files.move(folder.child(name), folder.child(_file_name(number)))
        return written.reasons
    attempts = folder.sibling(f"-{uuid4().hex}")
    try:
        written = write_quarantine(table.scan, bad, program.row_errors, attempts)
        for number, name in enumerate(written.names):
            copy_file(attempts.child(name), folder.child(_file_name(number)))
    finally:
        files.remove_folder(attempts)
    return written.reasons


def _file_name(number: int) -> str:
    return f"part-{number:05d}.parquet"


def write_quarantine(
    scan: Scan,
    bad: Callable[[pa.RecordBatch], tuple[TypedRows, Mask]],
    row_errors: Sequence[RowError],
    folder: StoragePath,
    *,
    prefix: str = "part",
) -> QuarantinedRows:
    """Write bad rows into a folder, sorted by reason, file, line number and line.

    Args:
        scan: the rows.
        bad: gives the typed rows of a batch, and which of them are bad, [n].
        row_errors: the row errors to report.
        folder: the folder.
        prefix: prefix of the file names in an object store.
    """

    def quarantine(_: int, batches: Batches) -> Batches:
        for batch in batches:
            chosen = bad(batch)[1]
            if chosen.any():
                kept = batch.filter(pa.array(chosen))
                rows = bad(kept)[0]
                columns = [reasons_of(rows, row_errors), files_of(kept), line_numbers_of(kept), lines_of(rows)]
                yield pa.record_batch(columns, schema=_ROWS)

    rows = with_origins(scan).mapped(quarantine, _ROWS)
    names = write_parts(rows.coalesce(1).sortWithinPartitions(*_ROWS.names), folder, prefix)
    written = read_parts(scan.spark, folder, _ROWS, names)
    counts = written.groupBy("reason").agg(F.count(F.lit(1)).alias("rows")).collect()
    reasons = {row["reason"]: row["rows"] for row in sorted(counts, key=lambda row: (-row["rows"], row["reason"]))}
    return QuarantinedRows(names, reasons)


def lines_of(rows: TypedRows) -> pa.Array:
    """The raw line where it is malformed, else the values as a JSON object by column, string [n]."""
    texts = {name: raw_text(column).to_pylist() for name, column in rows.raw.items()}
    values = [
        json.dumps(dict(zip(texts, row, strict=True)), ensure_ascii=False, separators=(",", ":"))
        for row in zip(*texts.values(), strict=True)
    ]
    shown = pa.array(values, pa.string())
    return shown if rows.malformed is None else pc.coalesce(rows.malformed, shown)


def warn_of_quarantined(reasons: Mapping[str, int], total: int, folder: StoragePath) -> None:
    """Log a warning of quarantined rows.

    Args:
        reasons: number of rows by reason, from `write_quarantine`.
        total: number of rows in the source.
        folder: the folder of the quarantine.
    """
    bad = sum(reasons.values())
    lines = [f"  {count:,}  {reason}" for reason, count in list(reasons.items())[:SHOWN_AT_MOST]]
    hidden = len(reasons) - len(lines)
    tail = [f"  ... and {hidden} more reasons."] if hidden else []
    log.warning(
        "%s of %s rows cannot be used and were quarantined, with the reason and the line, in %s:\n%s",
        f"{bad:,}",
        f"{total:,}",
        folder,
        "\n".join([*lines, *tail]),
    )
