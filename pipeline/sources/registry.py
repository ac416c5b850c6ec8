"""Formats of files that a source may have: those of this package, a module each, and any that a configuration names.

    pipeline/sources/orc.py     FORMAT = SourceFormat("orc", ...)     data.source.format: orc
    my_package/lines.py         LINES = SourceFormat("lines", ...)    data.source.format: my_package.lines:LINES

What `data.source.format` may be, which endings of names tell a format, and which settings go with it follow from here.
A configuration is checked without Spark and without pyarrow, so these modules import neither; what reads the files is
named, or imports what it needs itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from pipeline.errors import nearest
from pipeline.schemas.section import Section, parse_options

if TYPE_CHECKING:
    import pyarrow as pa

OWN_FORMAT = "package.module:NAME"


@dataclass(frozen=True)
class SourceFormat:
    """A format of files.

    A format needs `columns` and `read` only: each file is then read by one task, as typed columns. Both are called in
    Spark's Python tasks too, so their module must be installed wherever these run.

    Attributes:
        name: what `data.source.format` says.
        description: one line for people.
        endings: of file names, in small letters and without a dot, that tell the format.
        settings: keys of `data.source` that are for this format, and others with the same keys.
        options: what `data.source.options` may hold; None for nothing.
        one_path: whether `data.source.path` is a single folder.
        columns: from an open file and the options to the columns of the file and their types, by name. The file is a
            binary stream, decompressed where its name says that it is compressed.
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


def source_formats() -> dict[str, SourceFormat]:
    """The formats of this package by name, sorted."""
    package = import_module(__package__)
    modules = (module.name for module in iter_modules(package.__path__) if not module.ispkg)
    made = (getattr(import_module(f"{__package__}.{name}"), "FORMAT", None) for name in modules)
    return {format.name: format for format in sorted(filter(None, made), key=lambda format: format.name)}


def find_format(name: str) -> SourceFormat:
    """The format that `data.source.format` names.

    Raises:
        ValueError: there is none; it says which there are.
    """
    if ":" in name:
        return _own_format(name)
    formats = source_formats()
    if name not in formats:
        allowed = ", ".join(("auto", *formats))
        raise ValueError(
            f"'{name}' is no format of a source. Allowed: {allowed}, or {OWN_FORMAT}. {nearest(name, [*formats])}"
        )
    return formats[name]


def endings() -> dict[str, str]:
    """The format that each ending of a name tells, of those of this package."""
    return {ending: format.name for format in source_formats().values() for ending in format.endings}


def formats_with(setting: str) -> list[str]:
    """The formats that a key of `data.source` is for."""
    return [format.name for format in source_formats().values() if setting in format.settings]


def format_settings() -> tuple[str, ...]:
    """The keys of `data.source` that are for some formats only."""
    return tuple(dict.fromkeys(setting for format in source_formats().values() for setting in format.settings))


def formats_table() -> str:
    """The formats as a table in Markdown, for the documentation."""
    rows = ["| `format` | is told by | holds |", "|---|---|---|"]
    for format in source_formats().values():
        told = ", ".join(f"`.{ending}`" for ending in format.endings) or "`format` alone"
        rows.append(f"| `{format.name}` | {told} | {format.description} |")
    return "\n".join(rows)


def _own_format(name: str) -> SourceFormat:
    module, _, attribute = name.partition(":")
    try:
        format = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"'{name}' cannot be imported: {error}. Install the package, or correct the name") from error
    if not isinstance(format, SourceFormat):
        raise ValueError(
            f"'{name}' is no format of a source. Allowed: an instance of {__name__}.SourceFormat. "
            f"Received: {type(format).__name__}"
        )
    return format
