"""Random tables as pandas, Python's csv, R and Excel write them, with random oddities, and what a reader should see.

A table is a function of its seed. `OddTable.expected` has the values that its author meant: numbers, texts, dates as
(year, month) and the label; `settings` is what its author would say about the file in `data.source`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

Cells = list[str | None]
WORDS = [
    "north",
    "south",
    "Zürich",
    "São Paulo",
    'the "old" one',
    "a, b",
    "semi; colon",
    "x|y",
    "tab\there",
    "東京",
    "ok",
]
CLASSES = (["yes", "no"], ["a", "b", "c"], ["01", "02", "10"], ["low", "middle", "high"])
NULLS = ["", "NA", "N/A", "null", "NaN", "-", "None", "#N/A", "?"]


@dataclass(frozen=True)
class Column:
    """A column: what is meant, and how it is written.

    Attributes:
        kind: number, text, date or label.
        values: float, str, or (year, month); None for null.
        cells: how they are written, None where null is.
    """

    kind: str
    values: list[Any]
    cells: Cells


@dataclass
class OddTable:
    """A table in a file.

    Attributes:
        seed: that it follows from.
        convention: who writes it.
        columns: by name; the label is `y`.
        content: of the file.
        settings: of `data.source`, without its path.
        oddities: that its file has.
        is_broken: whether a message is expected, since the table cannot be known from the file.
    """

    seed: int
    convention: str
    columns: dict[str, Column]
    content: bytes = b""
    settings: dict[str, Any] = field(default_factory=dict)
    oddities: list[str] = field(default_factory=list)
    is_broken: bool = False

    def write(self, folder: Path) -> Path:
        """The file."""
        path = folder / f"{self.seed}.csv"
        path.write_bytes(self.content)
        return path


@dataclass(frozen=True)
class Style:
    """How a convention writes values."""

    separator: str
    decimal: str
    thousands: str
    dates: str
    null: str
    truth: tuple[str, str]


def odd_table(seed: int) -> OddTable:
    """The table of a seed."""
    chance = random.Random(seed)
    convention = ("pandas", "csv", "R", "Excel")[seed % 4]
    rows = chance.randint(110, 160)
    style = _style(convention, chance)
    columns = {
        f"{maker.__name__.strip('_')} {number}": maker(chance, rows, style)
        for number, maker in enumerate(chance.choices(_MAKERS, k=chance.randint(2, 6)))
    }
    columns = {"x": _decimals(chance, rows, style), **columns, "y": _label(chance, rows, style)}
    table = OddTable(seed, convention, columns)
    _lay_out(table, chance, style)
    return table


def _style(convention: str, chance: random.Random) -> Style:
    null = chance.choice(NULLS)
    match convention:
        case "pandas":
            return Style(",", ".", "", "%Y-%m-%d", chance.choice(["", "", "NA", "N/A", "null"]), ("True", "False"))
        case "csv":
            return Style(chance.choice(",;\t|"), ".", "", "%Y-%m-%d", null, ("true", "false"))
        case "R":
            separator = chance.choice(",;")
            return Style(separator, "," if separator == ";" else ".", "", "%Y-%m-%d", "NA", ("TRUE", "FALSE"))
    if chance.random() < 0.5:
        return Style(";", ",", ".", "%d/%m/%Y", chance.choice(["", "", "#N/A", "-"]), ("TRUE", "FALSE"))
    return Style(",", ".", ",", "%m/%d/%Y", chance.choice(["", "", "#N/A", "-"]), ("TRUE", "FALSE"))


def _some_null(chance: random.Random, values: list[Any]) -> list[Any]:
    share = chance.choice([0.0, 0.0, 0.05, 0.2])
    return [None if chance.random() < share else value for value in values]


def _written(values: Sequence[Any], write: Callable[[Any], str]) -> Cells:
    return [None if value is None else write(value) for value in values]


def _number(style: Style, digits: int, *, grouped: bool = False) -> Callable[[float], str]:
    def write(value: float) -> str:
        text = f"{value:,.{digits}f}" if grouped else f"{value:.{digits}f}"
        return text.translate({ord(","): style.thousands, ord("."): style.decimal})

    return write


def _integers(chance: random.Random, rows: int, style: Style) -> Column:
    values = _some_null(chance, [float(chance.randint(-500, 5000)) for _ in range(rows)])
    return Column("number", values, _written(values, lambda value: str(int(value))))


def _decimals(chance: random.Random, rows: int, style: Style) -> Column:
    values = _some_null(chance, [round(chance.gauss(0.0, 20.0), 2) for _ in range(rows)])
    return Column("number", values, _written(values, _number(style, 2)))


def _money(chance: random.Random, rows: int, style: Style) -> Column:
    values = _some_null(chance, [round(chance.uniform(-2000.0, 2_000_000.0), 2) for _ in range(rows)])
    if not style.thousands:
        return Column("number", values, _written(values, _number(style, 2)))
    write, sign = _number(style, 2, grouped=True), chance.choice(["", "$", "€"])
    behind = bool(sign) and chance.random() < 0.5
    return Column("number", values, _written(values, lambda v: f"{write(v)} {sign}" if behind else f"{sign}{write(v)}"))


def _percents(chance: random.Random, rows: int, style: Style) -> Column:
    values = _some_null(chance, [round(chance.uniform(0.0, 100.0), 1) for _ in range(rows)])
    write, sign = _number(style, 1), "%" if style.thousands else ""
    return Column("number", values, _written(values, lambda value: write(value) + sign))


def _truths(chance: random.Random, rows: int, style: Style) -> Column:
    values = _some_null(chance, [float(chance.random() < 0.5) for _ in range(rows)])
    return Column("number", values, _written(values, lambda value: style.truth[0 if value else 1]))


def _zips(chance: random.Random, rows: int, _: Style) -> Column:
    values = _some_null(
        chance, [f"{chance.randint(501, 99950) // 2500 * 2500 + 1:05d}" for _ in range(rows - 1)] + ["00501"]
    )
    values[-1] = "00501"
    return Column("text", values, [*values])


def _words(chance: random.Random, rows: int, _: Style) -> Column:
    values = _some_null(chance, [chance.choice(WORDS) for _ in range(rows)])
    return Column("text", values, [*values])


def _dates(chance: random.Random, rows: int, style: Style) -> Column:
    first = date(2020, 1, 1)
    values = [first + timedelta(days=chance.randint(0, 1400)) for _ in range(rows - 1)] + [date(2020, 12, 31)]
    values = [*_some_null(chance, values[:-1]), values[-1]]
    meant = [None if value is None else (value.year, value.month) for value in values]
    return Column("date", meant, _written(values, lambda value: value.strftime(style.dates)))


_MAKERS = (_integers, _decimals, _money, _percents, _truths, _zips, _words, _dates)


def _label(chance: random.Random, rows: int, style: Style) -> Column:
    if chance.random() < 0.3:
        values: list[Any] = [round(chance.gauss(50.0, 20.0), 2) for _ in range(rows)]
        return Column("number", values, _written(values, _number(style, 2)))
    classes = chance.choice([*CLASSES, ["0", "1"]])
    values = [chance.choice(classes) for _ in range(rows)]
    return Column("text", values, [*values])


def _lay_out(table: OddTable, chance: random.Random, style: Style) -> None:
    """Write the file: oddities change what is meant, or only how it is written."""
    table.oddities += [name for name in _ODDITIES if chance.random() < 0.12]
    table.oddities += [name for name in _BREAKING if chance.random() < 0.016]
    if style.separator == "," and "no separator set" in table.oddities:
        table.oddities.remove("no separator set")
    table.is_broken = any(name in table.oddities for name in _BREAKING)
    if "Latin-1" in table.oddities:
        _replace(table, "東京", "Tokyo")
    if "line breaks" in table.oddities:
        _replace(table, "ok", "o\nk")
        table.settings["multiline"] = True
    if style.separator != "," and "no separator set" not in table.oddities:
        table.settings["separator"] = style.separator
    if table.convention == "csv" and chance.random() < 0.3:
        table.settings["escape"] = "\\"
    end = "\r\n" if table.convention == "Excel" or "CRLF" in table.oddities else "\n"
    lines = _lines(table, chance, style)
    table.content = _encoded(table, end.join(_around(table, lines, style.separator, chance)), end)


def _replace(table: OddTable, old: str, new: str) -> None:
    for column in table.columns.values():
        if column.kind == "text":
            for cells in (column.values, column.cells):
                cells[:] = [None if cell is None else cell.replace(old, new) for cell in cells]


def _lines(table: OddTable, chance: random.Random, style: Style) -> list[str]:
    """The header and the rows."""
    quotes_all = table.convention == "R" or (table.convention == "csv" and chance.random() < 0.4)
    escape, separator = table.settings.get("escape", '"'), style.separator

    def quoted(text: str, *, always: bool) -> str:
        if not always and not {separator, '"', "\n", "\r"} & set(text):
            return text
        return '"' + text.replace('"', f'{escape}"') + '"'

    rows = zip(*(column.cells for column in table.columns.values()), strict=True)
    kinds = [column.kind for column in table.columns.values()]
    lines = [separator.join(quoted(name, always=quotes_all) for name in table.columns)]
    for row in rows:
        cells = [
            # A text that is missing is empty: of texts nobody knows that "-" or "None" means null.
            ("" if kind == "text" else style.null)
            if cell is None
            else quoted(cell, always=quotes_all and kind == "text")
            for cell, kind in zip(row, kinds, strict=True)
        ]
        lines.append(separator.join(cells))
    if table.convention == "R" and "row names" in table.oddities:
        lines[1:] = [f'"{number}"{separator}{line}' for number, line in enumerate(lines[1:], 1)]
    return lines


def _around(table: OddTable, lines: list[str], separator: str, chance: random.Random) -> list[str]:
    """The lines with what oddities put before, between and behind them."""
    odd, at = table.oddities, chance.randrange(1, len(lines))
    if "a field too many" in odd:
        lines[at] += f"{separator}one too many"
    if "half a quote" in odd:
        lines.insert(at, '"half')
    if "a number that is text" in odd:
        lines[at] = separator.join(["around 7", *lines[at].split(separator)[1:]])
    if "sep= line" in odd:
        lines.insert(0, f"sep={separator}")
    if "blank lines" in odd:
        lines = [lines[0], "", *lines[1:], ""]
    return lines if "no line end" in odd else [*lines, ""]


def _encoded(table: OddTable, text: str, end: str) -> bytes:
    if "UTF-16" in table.oddities:
        table.settings["encoding"] = "utf-16"
        return text.encode("utf-16")
    if "Latin-1" in table.oddities:
        table.settings["encoding"] = "windows-1252"
        return text.encode("cp1252")
    return text.encode("utf-8-sig" if "byte order mark" in table.oddities else "utf-8")


_ODDITIES = ("byte order mark", "Latin-1", "UTF-16", "CRLF", "no line end", "blank lines", "line breaks", "row names")
_BREAKING = ("sep= line", "half a quote", "a field too many", "a number that is text", "no separator set")
"""Oddities of which a message tells, since the table cannot be known from the file."""
