"""Values within nested objects, named by their paths: `a.b` of `{"a": {"b": 1}}`.

The value of `a` is the text of an object; these texts are lines of JSON again, which are read like those of a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.masks import mask_of
from pipeline.sources.decoding.json_lines import line_names, line_values

Path = tuple[str, ...]
"""The keys from the outermost object to a value."""

DEEPEST = 8
"""Keys of a path; what is deeper stays JSON."""


def with_paths(
    batches: Iterator[pa.RecordBatch], names: Sequence[str], paths: Sequence[Path]
) -> Iterator[pa.RecordBatch]:
    """Batches with the values at some paths in place of those of the outermost names.

    Args:
        batches: with columns of these names, which others may follow.
        names: the first keys of all paths, each once.
        paths: of the columns wanted.
    """
    for batch in batches:
        columns = _at_paths(dict(zip(names, batch.columns, strict=False)), paths)
        labels = [*(f"r{i}" for i in range(len(paths))), *batch.schema.names[len(names) :]]
        yield pa.RecordBatch.from_arrays([*columns, *batch.columns[len(names) :]], labels)


def _at_paths(columns: Mapping[str, pa.Array], paths: Sequence[Path]) -> list[pa.Array]:
    """The value at each path; null where an object on the way is absent, or is none."""
    values: dict[Path, pa.Array] = {path: columns[path[0]] for path in paths if len(path) == 1}
    for name in dict.fromkeys(path[0] for path in paths if len(path) > 1):
        inner = [path[1:] for path in paths if len(path) > 1 and path[0] == name]
        keys = tuple(dict.fromkeys(path[0] for path in inner))
        found = _at_paths(dict(zip(keys, _values(columns[name], keys), strict=True)), inner)
        values |= {(name, *path): value for path, value in zip(inner, found, strict=True)}
    return [values[path] for path in paths]


def _values(texts: pa.Array, names: Sequence[str]) -> list[pa.Array]:
    """The values of some keys of objects, given by their texts [n]; null for other texts."""
    objects, block = _objects(texts)
    found = line_values(block, names)
    rows = np.zeros(len(texts), np.int64)
    rows[objects] = np.arange(objects.sum())
    return [column.take(pa.array(rows, mask=~objects)) for column in found]


def _objects(texts: pa.Array) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], bytes]:
    """Which texts are those of objects, and these, a line each."""
    objects = mask_of(pc.starts_with(texts, "{"))
    lines = pc.replace_substring_regex(texts.filter(pa.array(objects)), "[\r\n]", " ")
    return objects, b"".join(f"{line}\n".encode() for line in lines.to_pylist())


def nested_paths(texts: pa.Array) -> list[Path]:
    """The paths of all values in objects, given by their texts [n], and those of the objects on the way."""
    return list(dict.fromkeys(path for path in _paths(texts, DEEPEST - 1)))


def _paths(texts: pa.Array, depth: int) -> Iterator[Path]:
    _, block = _objects(texts)
    names = line_names(block) if block and depth else []
    for name, values in zip(names, line_values(block, names) if names else [], strict=True):
        yield (name,)
        yield from ((name, *path) for path in _paths(values, depth - 1))


def paths_in(content: Mapping[str, object], depth: int = DEEPEST) -> Iterator[Path]:
    """The paths of all values of an object, and those of the objects on the way."""
    for name, value in content.items():
        yield (name,)
        if isinstance(value, dict) and depth > 1:
            yield from ((name, *path) for path in paths_in(value, depth - 1))


def name_of(path: Path) -> str:
    """What the column at a path is called."""
    return ".".join(path)


def is_column_wise(content: object) -> bool:
    """Whether an object is a whole table, column by column, as pandas writes it: `{"a": {"0": 1, "1": 2}}`."""
    if not isinstance(content, dict) or not content:
        return False
    columns = [value for value in content.values() if isinstance(value, dict)]
    return len(columns) == len(content) and all(_are_positions(column) for column in columns)


def _are_positions(column: Mapping[str, object]) -> bool:
    return bool(column) and list(column) == [str(i) for i in range(len(column))]


def parsed(line: str) -> object:
    """A line of JSON; None where it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return None
