"""Files of stores as manifests list them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.store.checksums import checksums_of
from pipeline.store.manifest import FileEntry


def listed(base: Path, name: str, shard: int) -> FileEntry:
    """The entry of a Parquet file `name` below `base`."""
    content = (base / name).read_bytes()
    footer = pq.read_metadata(base / name)
    return FileEntry(
        path=name,
        shard=shard,
        rows=footer.num_rows,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        row_groups=tuple(footer.row_group(number).num_rows for number in range(footer.num_row_groups)),
        parts=checksums_of(pa.py_buffer(content)),
    )
