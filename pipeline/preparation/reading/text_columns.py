"""Columns of the text formats."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import StringType, StructField, StructType

from pipeline.errors import DataError
from pipeline.preparation.listing.source import Source


def text_schema(names: Sequence[str]) -> StructType:
    """All columns as text."""
    return StructType([StructField(name, StringType()) for name in names])


def folder_columns(source: Source, names: Sequence[str]) -> tuple[str, ...]:
    """The columns of COLUMN=VALUE folders, which must not occur in the files.

    Raises:
        DataError: naming a column that occurs in both.
    """
    folders = () if source.folders is None else source.folders.names
    lowered = {name.lower() for name in names}
    both = next((name for name in folders if name.lower() in lowered), None)
    if both is not None:
        raise DataError(
            f"Column '{both}' of source '{source.location}' is in the files and in the names of their folders. "
            "Allowed: one of the two. Rename the column or the folders."
        )
    return folders
