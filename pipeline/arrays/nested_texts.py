"""What Spark shows of lists, structs, maps and binaries, and something stable of whatever else there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

Texts = Callable[[pa.Array], pa.Array]


def nested_texts(array: pa.Array, texts: Texts) -> pa.Array:
    """String [n]: `[1, null]`, `{1, x}`, `{a -> 1}`; of binaries what they are by UTF-8; of others Python's text.

    Args:
        array: [n], of any type.
        texts: makes texts of values within.
    """
    kind = array.type
    if pa.types.is_map(kind):
        entries = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        lists = array.cast(pa.list_(entries))
        return _joined(lists, _pairs(lists.flatten(), texts), "{}")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _joined(array, _shown(array.flatten(), texts), "[]")
    if pa.types.is_struct(kind):
        parts = zip(*(_shown(part, texts) for part in array.flatten()), strict=True)
        whole = [f"{{{', '.join(part)}}}" for part in parts] if kind.num_fields else ["{}"] * len(array)
        return pc.if_else(array.is_valid(), pa.array(whole, pa.string()), pa.scalar(None, pa.string()))
    return pa.array([_text(value.as_py()) for value in array], pa.string())


def _joined(array: pa.Array, items: list[str], brackets: str) -> pa.Array:
    """Texts of lists from those of all items, one after the other."""
    left = iter(items)
    lengths: Iterable[int | None] = pc.list_value_length(array).to_pylist()
    joined = [
        None if length is None else f"{brackets[0]}{', '.join(islice(left, length))}{brackets[1]}" for length in lengths
    ]
    return pa.array(joined, pa.string())


def _pairs(entries: pa.Array, texts: Texts) -> list[str]:
    keys, values = (_shown(part, texts) for part in entries.flatten())
    return [f"{key} -> {value}" for key, value in zip(keys, values, strict=True)]


def _shown(array: pa.Array, texts: Texts) -> list[str]:
    return ["null" if text is None else text for text in texts(array).to_pylist()]


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)
