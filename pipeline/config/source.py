"""Where rows come from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pipeline.config.sql.query import check_table, checked_query
from pipeline.schemas.references import entry_of
from pipeline.schemas.section import LATER, Columns, Count, Integer, OneOrMore, Section
from pipeline.schemas.text_reading import Decimal, Thousands
from pipeline.sources.registry import FORMATS, format_settings, formats_with

SampleName = Literal["bank", "iris", "breast_cancer"]
Encoding = Literal["utf-8", "iso-8859-1", "windows-1252", "us-ascii", "utf-16", "utf-16be", "utf-16le"]

ENCODING_ALIASES = {
    "utf8": "utf-8",
    "latin1": "iso-8859-1",
    "latin-1": "iso-8859-1",
    "cp1252": "windows-1252",
    "ascii": "us-ascii",
    "utf-16-be": "utf-16be",
    "utf-16-le": "utf-16le",
}
KINDS = ("path", "table", "query", "sample")
AUTO = "auto"
GENERATED_ONLY = ("rows", "seed")

# A name, or anything within backticks, where a backtick is doubled.
_TABLE = re.compile(r"(?:\w+|`(?:[^`]|``)+`)(?:\.(?:\w+|`(?:[^`]|``)+`)){0,2}")


def _lower_case(value: Any) -> Any:
    return ENCODING_ALIASES.get(value.lower(), value.lower()) if isinstance(value, str) else value


Paths = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Sign = Annotated[str, Field(min_length=1, max_length=1, pattern=r"[^\r\n]")]


class SourceConfig(Section):
    """One source: files, a table of the catalog, a query, or a built-in sample.

    Attributes:
        path: files and folders of one format, relative to the working folder or on any file system that Arrow or Spark
            reads; options for Arrow may follow it (`s3://lake/rows?endpoint_override=localhost:9000`).
            An entry is taken literally where it exists, else as a pattern (`*`, `?`, `[ab]`, `{a,b}`). Folders named
            COLUMN=VALUE below it, or below the part before a pattern's first sign, are columns.
        table: a table or view of Spark's catalog, `db.table` or `catalog.db.table`.
        query: one SQL query over tables and views of Spark's catalog, which must give the same rows each time.
        sample: a built-in data set.
        format: of a path: an entry of `pipeline/sources`, or `package.module:name` of your own; `auto` goes by the
            file extension, and takes a folder with `_delta_log` for Delta.
        options: settings of a format that has some.
        encoding: of CSV and TSV; UTF-16 (big-endian if neither a byte order mark nor the name says otherwise) is read
            by one task a file, as with `multiline`.
        separator: between fields of CSV and TSV; None means the format's own.
        quote: around fields of CSV and TSV that hold separators or quotes; empty means that fields are not quoted.
        escape: before a quote within a quoted field; None means that such a quote is doubled.
        null_values: texts of CSV and TSV that mean null, besides the empty one.
        decimal: the decimal sign of numbers in CSV and TSV; a comma is recognised without this where features follow
            from the columns' types.
        thousands: between groups of three digits of numbers in CSV and TSV; recognised alike. A space stands for
            no-break spaces too.
        header: whether the first line of each file of CSV and TSV names its columns.
        columns: names of the columns of CSV and TSV without a header, in their order; `c0`, `c1`, ... by default.
        merge_schema: whether files may have different columns: one that a file lacks is null in its rows, and numbers
            that are integers in one file and fractions in another are fractions. By default such files are refused.
        multiline: whether quoted fields of CSV and TSV may hold line breaks; a file is then read by one task.
        rows: how many rows are generated, of a generated sample.
        seed: of a generated sample.
    """

    path: Annotated[Paths | None, OneOrMore] = None
    table: str | None = None
    query: Annotated[str, Field(max_length=100_000)] | None = None
    sample: SampleName | None = None
    format: Annotated[str, entry_of(FORMATS, AUTO)] = AUTO
    options: Annotated[dict[str, Any], LATER] = Field(default_factory=dict)
    encoding: Annotated[Encoding, BeforeValidator(_lower_case)] = "utf-8"
    separator: Sign | None = None
    quote: Sign | Literal[""] = '"'
    escape: Sign | None = None
    null_values: tuple[str, ...] = ("NA",)
    decimal: Annotated[Decimal, LATER] = "."
    thousands: Annotated[Thousands, LATER] = ""
    multiline: bool = False
    header: Annotated[bool, LATER] = True
    columns: Annotated[Columns, LATER] = ()
    merge_schema: Annotated[bool, LATER] = False
    rows: Count = 200_000
    seed: Integer = 0

    @field_validator("table")
    @classmethod
    def _is_table_name(cls, value: str | None) -> str | None:
        if value is not None and not _TABLE.fullmatch(value):
            raise ValueError(
                f"'{value}' is not a table name; allowed are table, db.table and catalog.db.table, with `backticks` "
                "around a part that holds more than letters, digits and _"
            )
        if value is not None:
            check_table(value)
        return value

    @field_validator("query")
    @classmethod
    def _is_query(cls, value: str | None) -> str | None:
        return None if value is None else checked_query(value)

    @model_validator(mode="after")
    def _consistent(self) -> SourceConfig:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            received = " and ".join(given) or "none of them"
            raise ValueError(f"give one of {', '.join(KINDS[:-1])} and {KINDS[-1]}; received {received}")
        problems = [*self._signs_that_clash(), *self._unfit_columns(), *self._settings_out_of_place(given[0])]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _signs_that_clash(self) -> Iterator[str]:
        signs = [name for name in ("separator", "quote", "escape") if getattr(self, name)]
        values = [getattr(self, name) for name in signs]
        # An escape that equals the quote is the doubled quote.
        if "separator" in signs and values.count(self.separator) > 1:
            yield "separator must differ from quote and escape"
        if self.decimal == self.thousands:
            yield "decimal must differ from thousands"
        if self.escape and not self.quote:
            yield "escape has no meaning without quote"

    def _unfit_columns(self) -> Iterator[str]:
        if self.columns and self.header:
            yield "columns names the columns of files without a header; set header: false"
        if "" in self.columns:
            yield "columns needs names that are not empty"
        repeated = [f"'{name}'" for name, count in Counter(self.columns).items() if count > 1]
        if repeated:
            yield f"columns needs a name for each column; {', '.join(repeated)} is there more than once"

    def _settings_out_of_place(self, kind: str) -> Iterator[str]:
        if kind != "sample":
            yield from (f"{name} goes with sample: bank, not with {kind}" for name in self._changed(GENERATED_ONLY))
        if kind != "path":
            yield from (
                f"{name} goes with path, not with {kind}"
                for name in self._changed(("format", "options", *format_settings()))
            )
        elif self.format != AUTO:
            yield from self.unused_by(self.format)

    def of_files(self, paths: tuple[str, ...]) -> SourceConfig:
        """Other files, read with the same settings."""
        settings = self.model_dump(exclude={*KINDS, *GENERATED_ONLY})
        return SourceConfig(**settings, path=paths)

    def unused_by(self, name: str) -> Iterator[str]:
        """Problems with settings that a format does not have."""
        format = FORMATS.resolve(name)
        unused = (setting for setting in format_settings() if setting not in format.settings)
        for setting in self._changed(tuple(unused)):
            yield f"{setting} goes with format: {' or '.join(formats_with(setting))}, not {name}"
        if format.one_path and self.path is not None and len(self.path) > 1:
            yield f"format: {name} takes one path"
        try:
            format.parsed_options(self.options)
        except ValueError as error:
            yield str(error)

    def _changed(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if self.has_changed(name)]
