"""Excel: a sheet of a workbook, the first row of which names the columns; for small files, read by openpyxl.

A column has the type of its cells: numbers, truth values, dates or dates and times, and text where cells are of several
types. Cells that mean null (empty, `#N/A` and other errors, and the usual texts) have no type. Text stays text, `00501`
too.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pipeline.formatting import counted
from pipeline.schemas.section import Section
from pipeline.sources.registry import SourceFormat

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 29
"""Of a workbook, unpacked: openpyxl holds all texts, and its cells are Python's objects."""
MISSING = (
    "openpyxl, which reads Excel, is not installed here and in the tasks' environment. Install it (pip install "
    "openpyxl, or the extra 'excel'), or save the sheet as CSV"
)

_ERRORS = frozenset({"#N/A", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#GETTING_DATA"})


class ExcelOptions(Section):
    """What `data.source.options` may hold.

    Attributes:
        sheet: the name of the sheet; by default the first one.
        null_values: texts that mean null, besides the empty one.
    """

    sheet: Annotated[str, Field(min_length=1)] | None = None
    null_values: tuple[str, ...] = ("NA",)


def columns(stream: Any, options: ExcelOptions) -> Mapping[str, pa.DataType]:
    """The columns of a sheet.

    Raises:
        ValueError: openpyxl or the sheet is missing, or a column has no name or the name of another one.
    """
    names, rows = _cells(stream, options)
    kinds = {}
    for name, column in zip(names, _columns(names, rows), strict=True):
        kinds[name] = _kind(column)
        _warn_of_mixture(name, column)
    return kinds


def read(stream: Any, options: ExcelOptions) -> Iterator[pa.RecordBatch]:
    """The rows of a sheet.

    Raises:
        ValueError: as for `columns`.
    """
    import pyarrow as pa

    names, rows = _cells(stream, options)
    arrays = [_array(column, _kind(column)) for column in _columns(names, rows)]
    yield pa.RecordBatch.from_arrays(arrays, names)


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    return [[row[i] for row in rows] for i in range(len(names))]


def _cells(stream: Any, options: ExcelOptions) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns, and the values of all rows that are not empty; None for null."""
    from pipeline.sources.decoding.binary_files import seekable

    file = seekable(stream)
    book, formulas = _workbook(file, values=True), _workbook(file, values=False)
    title = _title(book, options)
    null = frozenset({"", *options.null_values, *_ERRORS})
    rows: list[list[Any]] = []
    for number, (cells, texts) in enumerate(zip(book[title].values, formulas[title].values, strict=True), 1):
        _check_calculated(number, cells, texts)
        rows.append([None if isinstance(cell, str) and cell.strip() in null else cell for cell in cells])
    filled = [row for row in rows if any(cell is not None for cell in row)]
    if not filled:
        raise ValueError(f"sheet '{title}' is empty; name another one by data.source.options: {{sheet: NAME}}")
    names, width = _names(filled[0]), len(filled[0])
    used = [i for i in range(width) if names[i] or any(row[i] is not None for row in filled[1:])]
    _check_names([names[i] for i in used])
    return [names[i] for i in used], [[row[i] for i in used] for row in filled[1:]]


def _workbook(stream: Any, *, values: bool) -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise ValueError(MISSING) from error
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"it is too large, {size:,} bytes unpacked; {MOST_BYTES:,} are allowed. Save it as CSV")
        return openpyxl.load_workbook(stream, read_only=True, data_only=values)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"it is no workbook of Excel 2007 or later ({error}). Save it as .xlsx or CSV") from error


def _title(book: Any, options: ExcelOptions) -> str:
    titles = [sheet.title for sheet in book.worksheets]
    if options.sheet is None and titles:
        return str(titles[0])
    if options.sheet not in titles:
        raise ValueError(f"there is no sheet '{options.sheet}'; there are: {', '.join(titles)}")
    return str(options.sheet)


def _check_calculated(number: int, cells: Sequence[Any], texts: Sequence[Any]) -> None:
    for column, (cell, text) in enumerate(zip(cells, texts, strict=True), 1):
        if cell is None and isinstance(text, str) and text.startswith("="):
            raise ValueError(
                f"row {number}, column {column} holds the formula '{text[:40]}' without its result. Open and save the "
                "workbook with Excel or LibreOffice, which calculate it"
            )


def _names(header: Sequence[Any]) -> list[str]:
    return ["" if cell is None else _text(cell) for cell in header]


def _check_names(names: Sequence[str]) -> None:
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} has no name in the first row; name it")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"column '{repeated}' is there more than once; rename the others")


def _kind(column: Sequence[Any]) -> pa.DataType:
    import pyarrow as pa

    types = {type(value) for value in column if value is not None}
    if not types or types == {bool}:
        return pa.bool_() if types else pa.string()
    if types == {int} and all(-(2**63) <= value < 2**63 for value in column if value is not None):
        return pa.int64()
    if types <= {int, float}:
        return pa.float64()
    if types <= {datetime, date}:
        return pa.timestamp("us") if any(map(_has_time, column)) else pa.date32()
    return pa.string()


def _warn_of_mixture(name: str, column: Sequence[Any]) -> None:
    texts = [value for value in column if isinstance(value, str)]
    numbers = sum(isinstance(value, (int, float)) for value in column)
    if texts and numbers:
        log.warning(
            "Column '%s' has %s and %s, such as '%s', and is read as text. If these mean null, name them in "
            "data.source.options: {null_values: [...]}.",
            name,
            counted(numbers, "number"),
            counted(len(texts), "text"),
            texts[0],
        )


def _has_time(value: Any) -> bool:
    return isinstance(value, datetime) and value.time() != time()


def _array(column: Sequence[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_string(kind):
        return pa.array([None if value is None else _text(value) for value in column], kind)
    if pa.types.is_date32(kind):
        return pa.array([value.date() if isinstance(value, datetime) else value for value in column], kind)
    return pa.array(column, kind)


def _text(value: Any) -> str:
    """A value as the text that other formats have for it: 3 for the number 3.0, 2024-03-01 for midnight."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ") if _has_time(value) else value.date().isoformat()
    return str(value)


FORMAT = SourceFormat(
    name="excel",
    description="the first sheet of a workbook, or the one of `options: {sheet: NAME}`; small files, read by openpyxl",
    endings=("xlsx", "xlsm"),
    settings=("merge_schema",),
    options=ExcelOptions,
    columns=columns,
    read=read,
)
