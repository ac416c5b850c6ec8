"""Delimited files that nobody would write on purpose, read in pieces and by Spark."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.reading.delimited import delimited_table
from pipeline.sources.decoding.characters import Signs
from pipeline.sources.decoding.decoding import REPLACEMENT, decode
from pipeline.sources.decoding.delimited import DelimitedFormat, plan_pieces, read_piece
from pipeline.sources.decoding.fields import FieldParser
from pipeline.sources.decoding.header import Dialect, parse_header
from pipeline.store.filesystem import storage_path
from tests.support.readers import read_by_spark
from tests.support.rows import raw_rows

DIALECTS = [
    {},
    {"escape": "\\"},
    {"quote": ""},
    {"separator": "\t"},
    {"separator": " ", "quote": "'", "escape": '"'},
    {"separator": ";", "quote": "«"},
    {"separator": "§", "encoding": "windows-1252"},
]
NOISE = (0x80, 0xFF, 0xED, 0xA0, 0xC3, 0xE2, 0xF0)


def rows_of_spark(spark, path: Path, **options) -> list[tuple]:
    config = SourceConfig(path=str(path), format="csv", **options)
    source = open_source(spark, config, storage_path("unused"))
    with read_by_spark():
        table = delimited_table(spark, source, config)
    return _comparable(raw_rows(table.read(table.names)))


def _comparable(rows: list[tuple]) -> list[tuple]:
    """Rows without the line of those that are malformed for bytes that are no text, which Spark does not keep."""
    return [(*row[:-1], REPLACEMENT) if row[-1] is not None and REPLACEMENT in row[-1] else row for row in rows]


def rows_in_pieces(
    path: Path, *, piece_bytes: int, block_bytes: int, multiline: bool = False, **options
) -> list[tuple]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    dialect = Dialect(
        options.get("separator", ","),
        options.get("quote", '"'),
        options.get("escape"),
        options.get("encoding", "utf-8"),
    )
    header = parse_header(files[0].read_bytes()[: 1 << 10], dialect, "f")
    format = DelimitedFormat(dialect, header, multiline, header_line=not header.unnamed)
    columns = [header.index(name) for name in header.names]
    rows = []
    for piece in plan_pieces([Sized(file) for file in files], format, piece_bytes):
        for batch in read_piece(lambda uri: pa.OSFile(uri, "rb"), piece, format, columns, block_bytes=block_bytes):
            rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
    return _comparable(rows)


class Sized:
    def __init__(self, path: Path) -> None:
        self.uri, self.bytes = str(path), path.stat().st_size


class Writer:
    """Sound and odd lines of one dialect."""

    def __init__(self, options: dict[str, str], seed: int) -> None:
        self.random = random.Random(seed)
        self.separator, self.quote = options.get("separator", ","), options.get("quote", '"') or '"'
        self.escape = options.get("escape") or self.quote
        self.signs = [*self.separator * 3, *self.quote * 3, self.escape, '"', "\\", *"ab é\t\0\f"]

    def odd(self, length: int, signs: str = "") -> str:
        return "".join(self.random.choices([*self.signs, *signs], k=length))

    def cell(self, breaks: tuple[str, ...] = ()) -> str:
        if self.random.random() < 0.4:
            return self.random.choice(["", "1", "a b", "3.5", "é"])
        s, q, e = self.separator, self.quote, self.escape
        values = ["", "x", f"{s}y", f"a{s}", " z ", e + q, f"m{e}{q}n{e}{q}", e + e, f"{e}n", *breaks]
        return f"{q}{self.random.choice(values)}{q}"

    def line(self, breaks: tuple[str, ...] = ()) -> str:
        return self.separator.join(self.cell(breaks) for _ in "ixy")

    def sound_or_odd(self) -> str:
        """A line, but none of NULs alone, which Spark skips and pieces have as malformed."""
        line = "\0"
        while "\0" in line and not line.strip("".join(map(chr, range(33)))):
            line = self._any()
        return line

    def _any(self) -> str:
        chance = self.random.random()
        if chance < 0.7:
            return self.line()
        blank = ["", " ", "\t\t", " \t", self.separator * 2]
        return self.random.choice(blank) if chance < 0.75 else self.odd(self.random.randint(1, 12))


def _without_open_quotes(body: bytes, options: dict[str, str]) -> bytes:
    """The lines but those at whose end a quote is open, which Spark takes for closed and pieces for malformed."""
    parser = FieldParser(Signs.of(_dialect(options)))
    lines = re.findall(rb"[^\r\n]*(?:\r\n?|\n)", body)
    texts = [decode(line.rstrip(b"\r\n"), options.get("encoding", "utf-8")) for line in lines]
    return b"".join(
        line for line, text in zip(lines, texts, strict=True) if not parser.is_open(text, parser.parse(text)[0])
    )


def has_open_quotes(text: str, dialect: Dialect) -> bool:
    """Whether a quote is open at the end of a line."""
    parser = FieldParser(Signs.of(dialect))
    return any(parser.is_open(line, parser.parse(line)[0]) for line in re.split("\r\n?|\n", text))


def has_broken_quotes(body: str, end: str, dialect: Dialect) -> bool:
    """Whether a quote is open at the end, or taken literally behind a line end; Spark reads such records as good."""
    parser, at = FieldParser(Signs.of(dialect), end), 0
    while at < len(body):
        start, (fields, at) = at, parser.parse(body, at)
        if parser.holds_line_end or (at == len(body) and parser.is_open(body[start:].removesuffix(end), fields)):
            return True
    return False


def physical_lines(row: tuple) -> list[tuple]:
    """A malformed record of several lines as pieces have it: a row for each line."""
    if row[-1] is None or not {"\n", "\r"} & set(row[-1]):
        return [row]
    return [(*[None] * (len(row) - 1), line) for line in re.split("\r\n?|\n", row[-1]) if line]


def _dialect(options: dict[str, str]) -> Dialect:
    return Dialect(options.get("separator", ","), options.get("quote", '"'), options.get("escape"))


def check_lines(spark, tmp_path: Path, options: dict[str, str]) -> None:
    writer = Writer(options, seed=1)
    codec = options.get("encoding", "utf-8")
    is_noisy = options in (DIALECTS[0], DIALECTS[-1])
    # So many lines with bytes that are no text would be taken for another encoding where the header is looked for.
    filler = [writer.separator.join((str(i), "p" * 100_000, "q")) for i in range(11)] if is_noisy else []
    head = "\n".join([writer.separator.join("ixy"), *filler, ""]).encode(codec)
    lines = [writer.sound_or_odd() + writer.random.choice(["\n", "\n", "\r\n", "\r"]) for _ in range(2500)]
    body = bytearray("".join(lines).encode(codec))
    for place in writer.random.sample(range(len(body)), 300 if is_noisy else 0):
        body[place] = writer.random.choice(NOISE)
    path = tmp_path / "t.csv"
    path.write_bytes(head + _without_open_quotes(bytes(body), options))
    expected = rows_of_spark(spark, path, **options)
    assert len(expected) > 2000
    for piece_bytes, block_bytes in ((32 << 20, 2 << 20), (300_000, 70_000), (5000, 333)):
        assert rows_in_pieces(path, piece_bytes=piece_bytes, block_bytes=block_bytes, **options) == expected


def check_records(spark, tmp_path: Path, options: dict[str, str]) -> None:
    writer, folder = Writer(options, seed=2), tmp_path / "t.csv"
    folder.mkdir()
    for number in range(48):
        end = ("\n", "\r\n", "\r")[number % 3]
        sound = "".join(writer.line((f"{end}k", "\nl", "m\r")) + end for _ in range(writer.random.randint(0, 8)))
        odd = writer.odd(writer.random.randint(0, 60), f"{end * 3}\n\r")
        body = writer.random.choice(
            [sound, odd, sound + odd, f"{sound}{writer.separator}{end}{sound}", sound + odd + sound]
        )
        body = sound if has_broken_quotes(body, end, _dialect(options)) else body
        head = writer.separator.join("ixy") + end + writer.separator.join((f"file{number}", "u", "v")) + end
        (folder / f"{number:02}.csv").write_text(head + body, encoding="utf-8", newline="")
    rows = rows_of_spark(spark, folder, multiline=True, **options)
    expected = Counter(line for row in rows for line in physical_lines(row))
    for block_bytes in (2 << 20, 50, 7):
        found = rows_in_pieces(folder, piece_bytes=100, block_bytes=block_bytes, multiline=True, **options)
        assert Counter(found) == expected
