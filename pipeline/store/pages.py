"""Checksums of Parquet's pages, which Arrow verifies from version 15 on, and writes if asked to."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import pyarrow.parquet as pq

_READ, _WRITE = "page_checksum_verification", "write_page_checksum"

READ_CHECKED: Mapping[str, Any] = {_READ: True} if _READ in signature(pq.ParquetFile).parameters else {}
"""Arguments of `ParquetFile` with which an altered page raises an error; empty if this version of Arrow has none."""
WRITE_CHECKED: Mapping[str, Any] = {_WRITE: True} if _WRITE in signature(pq.write_table).parameters else {}
"""The same for `write_table`: writes the checksums."""
