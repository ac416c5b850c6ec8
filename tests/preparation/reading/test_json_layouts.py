"""JSON arrays, objects over several lines, and values in nested objects."""

from __future__ import annotations

import gzip
import json
import random
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.raw import SourceTable
from pipeline.sources.decoding.json_elements import Elements
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

ROWS = [
    {"x": 1, "who": {"name": 'Ann ", [\\', "at": {"zip": "00501"}}, "tags": ["a", "{"]},
    {"x": None, "who": None, "tags": []},
    {"x": 2.5, "who": "nobody", "more": True},
    {"x": 3, "who": {"at": {"zip": 7}, "name": "Zoë\n"}},
]
NAMES = ("x", "who", "who.name", "who.at", "who.at.zip", "tags", "more")
VALUES = [
    (
        "1",
        json.dumps(ROWS[0]["who"], ensure_ascii=False),
        'Ann ", [\\',
        '{"zip": "00501"}',
        "00501",
        '["a", "{"]',
        None,
    ),
    (None, None, None, None, None, "[]", None),
    ("2.5", "nobody", None, None, None, None, "true"),
    ("3", json.dumps(ROWS[3]["who"], ensure_ascii=False), "Zoë\n", '{"zip": 7}', "7", None, None),
]
dumps = partial(json.dumps, ensure_ascii=False)
LAYOUTS = {
    "lines": "\n".join(map(dumps, ROWS)),
    "array": dumps(ROWS),
    "indented": dumps(ROWS, indent=2),
    "objects": "\r\n".join(dumps(row, indent=1).replace("\n", "\r\n") for row in ROWS) + "\r\n",
    "arrays": f"{dumps(ROWS[:2])}\n{dumps(ROWS[2:])}",
}


def opened(spark, path: Path) -> SourceTable:
    config = SourceConfig(path=str(path))
    return open_table(spark, open_source(spark, config, storage_path("unused")), config)


def compact(rows: list[tuple]) -> list[str]:
    """Rows whose JSON has no white space, which an indented file has in other places."""
    texts = [tuple(text and text.replace("\r", "").replace("\n", "").replace(" ", "") for text in row) for row in rows]
    return sorted(map(repr, texts))


@pytest.mark.spark
@pytest.mark.parametrize("by_spark", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(spark, tmp_path, layout, by_spark):
    path = tmp_path / "t.json.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + LAYOUTS[layout].encode()))
    if by_spark and layout == "objects":
        with (
            read_by_spark(),
            pytest.raises(DataError, match="of which Spark reads only the first one, and the tests ask"),
        ):
            opened(spark, path)
        return
    if by_spark:
        with read_by_spark():
            table = opened(spark, path)
    else:
        table = opened(spark, path)
    assert sorted(table.names) == sorted(NAMES)
    assert table.objects == {"who", "who.at"}
    rows = raw_rows(table.read(NAMES))
    assert compact([row[:-1] for row in rows]) == compact(VALUES)
    assert {row[-1] for row in rows} == {None}


@pytest.mark.spark
def test_a_key_with_a_dot_comes_before_a_path(spark, tmp_path):
    (tmp_path / "t.json").write_text('{"a": {"b": 1}, "a.b": 2}\n{"a": {"b": 3}}\n')
    table = opened(spark, tmp_path / "t.json")
    assert table.names == ("a", "a.b")
    assert raw_rows(table.read(["a.b"])) == [("2", None), (None, None)]


@pytest.mark.spark
def test_late_paths_are_found(spark, tmp_path):
    lines = [json.dumps({"x": i}) for i in range(1500)]
    (tmp_path / "t.json").write_text("\n".join([*lines, '{"x": 1, "late": {"y": {"z": "!"}}}']))
    table = opened(spark, tmp_path / "t.json").knowing(["late.y.z"])
    assert [row for row in raw_rows(table.read(["late.y.z"])) if row[0]] == [("!", None)]


@pytest.mark.spark
def test_broken_elements_are_malformed_and_the_others_are_read(spark, tmp_path):
    (tmp_path / "t.json").write_text('[\n {"x": 1},\n {"x": tru},\n 7,\n {"x":\n 4}\n')
    rows = raw_rows(opened(spark, tmp_path / "t.json").read(["x"]))
    assert sorted(rows, key=repr) == [("1", None), ("4", None), (None, "  7"), (None, '  {"x": tru}')]


@pytest.mark.spark
def test_a_table_by_columns_is_named(spark, tmp_path):
    pd.DataFrame({"x": [1, 2], "y": [3, 4]}).to_json(tmp_path / "t.json")
    with pytest.raises(DataError, match=r"'t\.json' of source .* holds one object with a whole table, column by"):
        opened(spark, tmp_path / "t.json")


class Chunks:
    """A stream that gives a few bytes at a time."""

    def __init__(self, content: bytes, draw: random.Random) -> None:
        self._rest, self._draw = content, draw

    def read(self, size: int, /) -> bytes:
        size = self._draw.randint(1, min(size, 7))
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk

    def close(self) -> None:
        pass


def test_chunks_of_any_size_give_the_same_elements():
    draw = random.Random(4)
    for indent in (None, 0, 3):
        rows = [{"t": "".join(draw.choices('{}[],"\\: a\n', k=draw.randint(0, 9))), "n": [{"m": i}]} for i in range(99)]
        stream = Elements(Chunks(json.dumps(rows, indent=indent).encode(), draw))
        content = b"".join(iter(lambda stream=stream: stream.read(64), b""))
        assert [json.loads(line) for line in content.split(b"\n") if line.strip()] == rows
