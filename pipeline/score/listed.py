"""An output in an object store: the files that its card lists, and the card comes last.

    <output>/part-<token>-....parquet             rows; each scoring has a token of its own
    <output>/_quarantine/part-<token>-....parquet rows that could not be scored
    <output>/_score.json                          the card, with names and sizes

Nothing can be renamed there, so new files are written beside those of an earlier output. The card, which one request
replaces, turns from the old ones to the new ones; then the old ones are deleted. Who reads what the card lists gets one
output or the other. Who lists the folder gets rows of both while a scoring runs, or after one was killed, until the
next one has ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.errors import ConfigError
from pipeline.score.publication import CARD, QUARANTINE, ScoreCard, foreign_error, taken_error
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.reach import PROBE

_OWN = re.compile(rf"(?:{QUARANTINE}/|_parts-[0-9a-f]{{32}}/)?part-[0-9a-f]{{32}}-[\w.-]+|{PROBE}[0-9a-f]{{32}}")
"""What a scoring leaves, also one that was killed."""


def check_listed(output: Root, *, replace: bool) -> None:
    """Make sure that an output may be written; what a killed scoring left is in nobody's way.

    Raises:
        ConfigError: something is there already that must not be replaced.
    """
    if files.exists(output.within(CARD)):
        if not replace:
            raise taken_error(output)
    elif any(not _OWN.fullmatch(name) for name in files.list_files(output)) or files.size_of(output) is not None:
        raise foreign_error(output) if replace else taken_error(output)


def publish_listed(output: Root, names: Sequence[str], card: ScoreCard, *, replace: bool) -> None:
    """Let the card turn to these files, and delete all others.

    Raises:
        ConfigError: meanwhile another job wrote there.
    """
    check_listed(output, replace=replace)
    sizes = files.list_sizes(output)
    if gone := sorted(set(names) - sizes.keys()):
        raise ConfigError(
            f"'{gone[0]}' is gone from '{output.path}': another job writes the same output. Let one end before the "
            "other, or set score.output to another place for one of them."
        )
    listed = card.model_copy(update={"files": {name: sizes[name] for name in sorted(names)}})
    files.write_atomically(output.within(CARD), listed.to_json().encode())
    drop_files(output, sizes.keys() - set(names) - {CARD})


def drop_files(output: Root, names: Sequence[str] | set[str]) -> None:
    """Delete files of an output that do not count."""
    for name in sorted(names):
        files.remove_file(output.within(name))
