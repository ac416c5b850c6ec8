"""Parquet and ORC in pieces: every row once, whatever the cuts; what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from pipeline.errors import DataError
from pipeline.sources.decoding import orc as orc_files
from pipeline.sources.decoding import parquet as parquet_files
from pipeline.store.pages import READ_CHECKED, WRITE_CHECKED

ROWS = 5000


def table() -> pa.Table:
    random = np.random.default_rng(0)
    return pa.table(
        {
            "id": np.arange(ROWS),
            "x": pa.array(random.normal(size=ROWS), mask=random.random(ROWS) < 0.1),
            "t": pa.array(random.choice(["a", "ü", ""], ROWS)).dictionary_encode(),
            "a.b": np.arange(ROWS, dtype=np.int32),
        }
    )


COLUMNS = pa.schema([("a.b", pa.int64()), ("t", pa.string()), ("id", pa.int64()), ("x", pa.float64())])


def read(tasks: tuple, of_piece, columns: pa.Schema = COLUMNS) -> pa.Table:
    batches = [batch for task in tasks for piece in task for batch in of_piece(pa.OSFile, piece, columns)]
    return pa.Table.from_batches(batches, columns)


def expected() -> pa.Table:
    return table().select(COLUMNS.names).cast(COLUMNS)


@pytest.mark.parametrize("piece_bytes", [1000, 7777, 30_000, 1 << 30])
def test_every_cut_of_parquet_gives_the_same_rows(tmp_path, piece_bytes):
    pq.write_table(table().slice(0, 4000), tmp_path / "1.parquet", row_group_size=300)
    pq.write_table(table().slice(4000), tmp_path / "2.parquet")
    files = [(str(tmp_path / name), (tmp_path / name).stat().st_size) for name in ("1.parquet", "2.parquet")]
    tasks = parquet_files.plan_pieces(files, piece_bytes)
    assert (len(tasks) > 1) == (piece_bytes < 1 << 30)
    assert read(tasks, parquet_files.read_piece).equals(expected())


@pytest.mark.parametrize("piece_bytes", [1000, 1 << 30])
def test_every_cut_of_orc_gives_the_same_rows(tmp_path, piece_bytes):
    plain = table().set_column(2, "t", table()["t"].cast(pa.string()))
    orc.write_table(plain.slice(0, 4000), tmp_path / "1.orc", stripe_size=4096, batch_size=100)
    orc.write_table(plain.slice(4000), tmp_path / "2.orc")
    files = [(str(tmp_path / name), (tmp_path / name).stat().st_size) for name in ("1.orc", "2.orc")]
    tasks = orc_files.plan_pieces(files, lambda uri: orc_files.count_stripes(pa.OSFile, uri), piece_bytes)
    assert (len(tasks) > 1) == (piece_bytes < 1 << 30)
    assert read(tasks, orc_files.read_piece).equals(expected())


def test_small_files_share_a_task():
    files = [(str(number), 10) for number in range(7)]
    tasks = parquet_files.plan_pieces(files, 30)
    assert [[piece.uri for piece in task] for task in tasks] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    tasks = orc_files.plan_pieces(files, lambda uri: 1, 30)
    assert [[piece.uri for piece in task] for task in tasks] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_a_column_that_a_file_lacks_is_null(tmp_path):
    pq.write_table(table().select(["id"]), tmp_path / "t.parquet")
    (task,) = parquet_files.plan_pieces([(str(tmp_path / "t.parquet"), 100)])
    found = read((task,), parquet_files.read_piece, pa.schema([("id", pa.int64()), ("more", pa.string())]))
    assert found["more"].null_count == len(found) == ROWS


@pytest.mark.parametrize("name", ["t.parquet", "t.orc"])
def test_rows_of_a_file_without_any_of_the_columns_are_there(tmp_path, name):
    uri, rows = str(tmp_path / name), pa.table({"other": pa.array([1, 2, 3])})
    kind = orc_files if name == "t.orc" else parquet_files
    (orc if name == "t.orc" else pq).write_table(rows, uri)
    plan = [(uri, (tmp_path / name).stat().st_size)]
    tasks = orc_files.plan_pieces(plan, lambda _: 1) if name == "t.orc" else parquet_files.plan_pieces(plan)
    assert read(tasks, kind.read_piece, pa.schema([("x", pa.float64())])).to_pylist() == [{"x": None}] * 3


def flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.skipif(not READ_CHECKED, reason="pyarrow 14 does not verify the checksums of pages")
def test_a_damaged_page_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(table(), path, **WRITE_CHECKED)
    chunk = pq.read_metadata(path).row_group(0).column(1)
    flipped(path, chunk.data_page_offset + chunk.total_compressed_size // 2)
    (task,) = parquet_files.plan_pieces([(str(path), path.stat().st_size)])
    with pytest.raises(
        DataError, match=r"File '.*t\.parquet' cannot be read: .*\. Rewrite the file, or leave it out\."
    ):
        read((task,), parquet_files.read_piece)


def test_a_type_that_does_not_fit_is_named(tmp_path):
    pq.write_table(pa.table({"x": ["a"]}), tmp_path / "t.parquet")
    (task,) = parquet_files.plan_pieces([(str(tmp_path / "t.parquet"), 100)])
    expected = r"t\.parquet' cannot be read: column 'x' is string here and int64 in the source, whose files differ, "
    with pytest.raises(DataError, match=expected):
        read((task,), parquet_files.read_piece, pa.schema([("x", pa.int64())]))
