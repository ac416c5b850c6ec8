"""The contract of a source: what its columns hold."""

from __future__ import annotations

from typing import Literal

ColumnType = Literal["number", "integer", "boolean", "text", "date", "timestamp"]
