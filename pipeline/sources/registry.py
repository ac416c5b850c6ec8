"""Formats of files that a source may have: those of this package, a module each, and any that a configuration names.

    pipeline/sources/orc.py     FORMAT = SourceFormat("orc", ...)     data.source.format: orc
    my_package/lines.py         LINES = SourceFormat("lines", ...)    data.source.format: my_package.lines:LINES

The allowed values of `data.source.format`, the file extensions of a format and its settings follow from here.
A configuration is checked without Spark and without pyarrow, so these modules import neither; what reads the files is
named, or imports what it needs itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.registry import Registry
from pipeline.schemas.section import Section, parse_options

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SourceFormat:
    """A format of files.

    A format needs `columns` and `read` only: each file is then read by one task, as typed columns. Both are called in
    Spark's Python tasks too, so their module must be installed wherever these run.

    Attributes:
        name: what `data.source.format` says.
        description: one line for people.
        endings: file extensions of the format, in lower case and without a dot.
        settings: keys of `data.source` that are for this format, and others with the same keys.
        options: what `data.source.options` may hold; None for nothing.
        one_path: whether `data.source.path` is a single folder.
        columns: from an open file and the options to the columns of the file and their types, by name. The file is a
            binary file of Python's (`io.BufferedReader`, so it has lines), decompressed where its name says that it is
            compressed; then it cannot seek.
        read: from the same to the rows of the file: record batches with these columns, in any order.
        opening: `module:function` that opens a source of this format: from `(spark, source, config)` to a
            `SourceTable`. By default one that goes by `columns` and `read`.
    """

    name: str
    description: str
    endings: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    options: type[Section] | None = None
    one_path: bool = False
    columns: Callable[[Any, Any], Mapping[str, pa.DataType]] | None = None
    read: Callable[[Any, Any], Iterator[pa.RecordBatch]] | None = None
    opening: str = "pipeline.preparation.reading.whole_files:whole_files_table"

    def parsed_options(self, content: Mapping[str, Any]) -> Section | None:
        """The options, checked.

        Raises:
            ValueError: the format has none, or others.
        """
        return parse_options(self.options, content, self.name)


FORMATS = Registry("source format", __package__, SourceFormat)


def endings() -> dict[str, str]:
    """The format of each file extension, of those of this package."""
    return {ending: format.name for format in FORMATS.entries.values() for ending in format.endings}


def formats_with(setting: str) -> list[str]:
    """The formats that a key of `data.source` is for."""
    return [format.name for format in FORMATS.entries.values() if setting in format.settings]


def format_settings() -> tuple[str, ...]:
    """The keys of `data.source` that are for some formats only."""
    return tuple(dict.fromkeys(setting for format in FORMATS.entries.values() for setting in format.settings))
