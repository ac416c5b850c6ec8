"""Recognises columns of texts that are no categories: paths, addresses, pictures, JSON, free text, identifiers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from pipeline.formatting import shortened
from pipeline.preparation.reading.survey import LONGEST_TEXT

MOST = 0.95
"""The share of the values that must look alike."""
FEW_ROWS = 50
"""With fewer values than that, texts that are all different may be categories as well as anything else."""
FREE_TEXT_WORDS = 4.0
"""The mean number of words from which on texts that hardly repeat are prose, and not names."""
HARDLY_REPEATED, UNIQUE = 0.5, 0.95
"""Distinct values as a share of the rows: of free text, and of identifiers."""

_PICTURE = "jpe?g|png|gif|bmp|tiff?|webp|heic|svg|dcm"
_FILE = "txt|csv|tsv|json|xml|html?|pdf|docx?|xlsx?|parquet|npy|wav|mp3|flac|ogg|mp4|avi|mov|mkv|zip|gz"
_CONTENTS = {
    "paths of pictures": re.compile(rf"[^\r\n]+\.(?:{_PICTURE})(?:[?#]\S*)?", re.IGNORECASE),
    "addresses": re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+", re.IGNORECASE),
    "paths of files": re.compile(
        rf"[^\r\n]*[/\\][^\r\n/\\]+\.[a-z][a-z0-9]{{1,4}}|[^\r\n/\\]+\.(?:{_FILE})|(?:~|\.{{0,2}})/\S+/\S+",
        re.IGNORECASE,
    ),
    "pictures": re.compile(r"data:image/.*", re.DOTALL),
    "bytes": re.compile(r"b'.*'|b\".*\"|data:[^,]*;base64,.*", re.DOTALL),
}


def contents_of(values: Sequence[str], different: float, present: int) -> str:
    """What a column of texts holds, as part of a sentence with an example; empty where it may hold categories.

    Args:
        values: some of its values, without missing ones.
        different: number of different values, as a share of the rows that have one.
        present: number of rows that have one.
    """
    if not values:
        return ""
    trimmed = [value.strip() for value in values]
    example = shortened(trimmed[0])
    for name, pattern in _CONTENTS.items():
        if _share(pattern.fullmatch(text) is not None for text in trimmed) >= MOST:
            return f"it holds {name}, such as {example}"
    if _share(map(_is_nested_json, trimmed)) >= MOST:
        return f"it holds JSON objects or lists, such as {example}"
    if present < FEW_ROWS or different < HARDLY_REPEATED:
        return ""
    if sum(len(text.split()) for text in trimmed) >= FREE_TEXT_WORDS * len(trimmed):
        return f"it holds free text, such as {example}"
    return f"nearly every row has another text, such as {example}" if different >= UNIQUE else ""


def _share(matched: Iterable[bool]) -> float:
    results = list(matched)
    return sum(results) / len(results)


def _is_nested_json(text: str) -> bool:
    if text[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        # A long value is kept without its end.
        return len(text) >= LONGEST_TEXT
