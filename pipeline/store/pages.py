"""Checksums of Parquet's pages, which Arrow reads from version 15 on, and writes when told to."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import pyarrow.parquet as pq

_READ, _WRITE = "page_checksum_verification", "write_page_checksum"

READ_CHECKED: Mapping[str, Any] = {_READ: True} if _READ in signature(pq.ParquetFile).parameters else {}
"""Of `ParquetFile`: an altered page is named; empty where this Arrow cannot."""
WRITE_CHECKED: Mapping[str, Any] = {_WRITE: True} if _WRITE in signature(pq.write_table).parameters else {}
"""Of `write_table`."""
