"""Streams of pyarrow and of ours, read as binary files of Python."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.sources.decoding.binary_files import buffered
from pipeline.sources.decoding.compressed import decompressed

TEXT = b"".join(b"line %d\n" % number for number in range(20_000)) + b"without an end"


@pytest.mark.parametrize(
    ("name", "packed"), [("a", TEXT), ("a.gz", gzip.compress(TEXT, mtime=0)), ("a.deflate", zlib.compress(TEXT))]
)
def test_lines_can_be_read(tmp_path: Path, name: str, packed: bytes) -> None:
    (tmp_path / name).write_bytes(packed)
    with pa.OSFile(str(tmp_path / name)) as file:
        stream = buffered(decompressed(file, name))
        assert stream.readline() == b"line 0\n"
        assert stream.read(3) == b"lin"
        assert [*stream][-1] == b"without an end"
        assert stream.seekable() == (name == "a")
    with pa.OSFile(str(tmp_path / name)) as file:
        assert buffered(decompressed(file, name)).read() == TEXT


def test_a_file_that_can_seek_still_can(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(TEXT)
    with pa.OSFile(str(tmp_path / "a")) as file:
        stream = buffered(file)
        assert stream.seek(-3, io.SEEK_END) == len(TEXT) - 3
        assert stream.read() == TEXT[-3:]
        stream.close()
        assert not file.closed, "whoever opened the file closes it"
