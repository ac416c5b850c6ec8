"""Checksums of the parts of a Parquet file leave out no byte, and each row group lies within its part."""

from __future__ import annotations

import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import StoreError
from pipeline.preparation.writing.store_file import parquet_bytes
from pipeline.store.checksums import checksums_of
from pipeline.store.manifest import FileEntry

WHOLE = {"path": "a.parquet", "shard": 0, "rows": 3, "bytes": 9, "sha256": "", "row_groups": (2, 1)}


def table(rows: int) -> pa.Table:
    values = np.random.default_rng(0).random(rows, np.float32)
    return pa.table({"x": values, "c": (values * 9).astype(np.int32), "text": [str(value) for value in values]})


@pytest.mark.parametrize("rows", [1, 100, 250])
def test_parts_follow_one_another_from_the_first_byte_to_the_last(rows):
    content, row_groups = parquet_bytes(table(rows), 100)
    found, footer = checksums_of(content), pq.read_metadata(pa.BufferReader(content))
    spans = [found.span(number) for number in range(len(row_groups))] + [found.footer_span(content.size)]
    assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])]
    assert spans[-1][1] == content.size
    parts = [content.to_pybytes()[start:end] for start, end in spans]
    assert [*found.row_groups, found.footer] == [zlib.crc32(part) for part in parts]
    for number, (start, end) in enumerate(spans[:-1]):
        group = footer.row_group(number)
        for chunk in (group.column(column) for column in range(group.num_columns)):
            first = chunk.dictionary_page_offset or chunk.data_page_offset
            assert start <= first < first + chunk.total_compressed_size <= end


def test_the_footer_alone_can_be_parsed():
    content, _ = parquet_bytes(table(250), 100)
    start, end = checksums_of(content).footer_span(content.size)
    assert pq.read_metadata(pa.BufferReader(content[start:end])) == pq.read_metadata(pa.BufferReader(content))


@pytest.mark.parametrize("rows", [100, 300])
def test_a_manifest_with_another_number_of_hashes_is_refused(rows):
    content, _ = parquet_bytes(table(rows), 100)
    entry = FileEntry(**WHOLE).model_copy(update={"parts": checksums_of(content)})
    with pytest.raises(StoreError, match=r"a\.parquet has 2 row groups, and another number of checksums or ends"):
        FileEntry.from_json(entry.to_json(), "manifest.json")
