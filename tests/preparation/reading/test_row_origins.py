"""Files and numbers of lines of rows whose file is read in several pieces."""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import pytest

from pipeline.preparation.reading.piece_scan import LineReader, PieceScan
from pipeline.preparation.reading.row_origins import files_of, line_numbers_of, with_origins
from pipeline.preparation.reading.scan import collect_parts
from pipeline.sources.decoding.json_lines import plan_pieces, read_piece
from pipeline.sources.decoding.line_numbers import count_lines

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_numbered_across_pieces(spark, tmp_path, end):
    files, rows_of = [], {"a.json": 70, "b.json": 1, "c.json": 90}
    for name, rows in rows_of.items():
        path = tmp_path / name
        path.write_bytes("".join(f'{{"x":{row}}}{end * (1 + row % 2)}' for row in range(rows)).encode())
        files.append((str(path), path.name, path.stat().st_size))
    pieces, open_file = plan_pieces(files, 150), partial(pa.OSFile, mode="rb")
    assert len(pieces) > 10
    read = partial(read_piece, open_file, names=("x",))
    lines = LineReader(partial(read, numbered=True), partial(count_lines, open_file))
    tasks = [pieces[:5], pieces[5:6], pieces[6:]]
    scan = PieceScan(spark, tasks, read, {uri: name for uri, name, _ in files}, lines)

    def origins(batches):
        columns = [[batch["r0"], files_of(batch), line_numbers_of(batch)] for batch in batches]
        return {str(i): pa.table(column, ["x", "file", "line"]) for i, column in enumerate(columns)}

    tables = [table for part in collect_parts(with_origins(scan), origins).values() for table in part]
    found = {(row["file"], row["line"], row["x"]) for row in pa.concat_tables(tables).to_pylist()}
    # Every other line is followed by an empty one.
    assert found == {(name, row + row // 2 + 1, str(row)) for name, rows in rows_of.items() for row in range(rows)}


def test_rows_that_spark_reads_have_no_origin():
    batch = pa.record_batch([pa.array([1, 2])], ["__line"])
    assert files_of(batch).to_pylist() == line_numbers_of(batch).to_pylist() == [None, None]
