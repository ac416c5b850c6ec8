"""How the JSON of a file is laid out, and the keys of its first objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.sources.decoding.decoding import UTF_8_MARK
from pipeline.sources.decoding.json_elements import elements_of
from pipeline.sources.decoding.json_nested import Path, is_column_wise, parsed, paths_in

HEAD_LINES = 1000
SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class HeadOfJson:
    """What the beginning of a file shows.

    Attributes:
        elements: whether objects are in an array, or have line breaks in them.
        paths: of the values in the first objects, in order of appearance; none where there is no object.
        beginning: the first line, cut.
        is_array: whether the file begins with an array.
        is_column_wise: whether the first object is a whole table, column by column.
    """

    elements: bool
    paths: tuple[Path, ...]
    beginning: str
    is_array: bool
    is_column_wise: bool = False


def head_of(head: bytes) -> HeadOfJson:
    """What the first bytes of a file show."""
    content = head.removeprefix(UTF_8_MARK)
    lines = _lines(content)
    beginning = lines[0][:SHOWN_CHARACTERS] if lines else ""
    objects = _objects(lines)
    are_arrays = _are_arrays(lines)
    elements = not objects and not are_arrays
    if are_arrays:
        objects = [row for line in lines for row in _rows(line)]
    if elements:
        objects = _objects(_lines(elements_of(content)))
    if len(objects) == 1 and is_column_wise(objects[0]):
        return HeadOfJson(elements, (), beginning, is_array=False, is_column_wise=True)
    paths = dict.fromkeys(path for found in objects for path in paths_in(found))
    return HeadOfJson(elements and bool(objects), tuple(paths), beginning, is_array=beginning.startswith("["))


def _lines(content: bytes) -> list[str]:
    """The first lines, without blank ones."""
    lines = (line.strip() for line in content.decode("utf-8", "replace").split("\n")[:HEAD_LINES])
    return [line for line in lines if line]


def _objects(lines: Sequence[str]) -> list[dict[str, object]]:
    """The objects in some lines; lines that are none, or are cut, are ignored here."""
    return [content for line in lines if isinstance(content := parsed(line), dict)]


def _rows(line: str) -> list[dict[str, object]]:
    content = parsed(line)
    return [row for row in content if isinstance(row, dict)] if isinstance(content, list) else []


def _are_arrays(lines: Sequence[str]) -> bool:
    """Whether each line is an array of its own, whose objects are rows: a single line is read by its elements."""
    return len(lines) > 1 and all(line.startswith("[") for line in lines[:2]) and isinstance(parsed(lines[0]), list)
