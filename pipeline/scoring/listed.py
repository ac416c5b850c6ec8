"""An output in an object store: the files that its card lists, and the card comes last.

    <output>/part-<token>-....parquet             rows; each scoring has a token of its own
    <output>/_quarantine/part-<token>-....parquet rows that could not be scored
    <output>/_score.json                          the card, with names and sizes

Nothing can be renamed there, so new files are written beside those of an earlier output. One request replaces the card,
which then lists the new files instead of the old ones; after that the old ones are deleted. Readers of the files that
the card lists get one output or the other. Readers that list the folder get rows of both while a scoring run is in
progress, or after one was killed.

Another scoring run may write the same output at the same time, so files with a token are deleted only if a card listed
them, or if the process that the token names has ended; for processes of another host that cannot be known.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import uuid
from collections.abc import Iterable, Sequence

from pipeline.errors import ConfigError
from pipeline.scoring.publication import CARD, QUARANTINE, ScoreCard, not_an_output_error, output_exists_error
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.publish import is_running, this_host
from pipeline.store.reach import PROBE

log = logging.getLogger(__name__)

_SCORING_FILE = re.compile(
    rf"(?:{QUARANTINE}/|_parts-[0-9a-f]{{32}}/)?part-([0-9a-f]{{32}})-[\w.-]+|{PROBE}[0-9a-f]{{32}}"
)
"""Files of a scoring run, also of a killed one, with its token."""


def new_token() -> str:
    """32 hexadecimal digits that no other scoring run has: of the host, of the process, and random."""
    return f"{_host()}{os.getpid():08x}{uuid.uuid4().hex[:8]}"


def _has_ended(token: str) -> bool:
    """Whether the process of a token has certainly ended."""
    return token.startswith(_host()) and not is_running(int(token[16:24], 16))


def _host() -> str:
    return hashlib.sha256(this_host().encode()).hexdigest()[:16]


def check_listed(output: StoragePath, *, replace: bool) -> None:
    """Check that an output may be written; files of a killed scoring run do not prevent it.

    Raises:
        ConfigError: something exists there that must not be replaced.
        StoreError: its card cannot be read.
    """
    if files.exists(output.child(CARD)):
        if not replace:
            raise output_exists_error(output)
        listed_files(output)
    elif (
        any(not _SCORING_FILE.fullmatch(name) for name in files.list_files(output)) or files.size_of(output) is not None
    ):
        raise not_an_output_error(output) if replace else output_exists_error(output)


def listed_files(output: StoragePath) -> frozenset[str]:
    """The files that the card lists; empty where there is no card.

    Raises:
        StoreError: the card cannot be read.
    """
    try:
        content = files.read_bytes(output.child(CARD))
    except FileNotFoundError:
        return frozenset()
    return frozenset(ScoreCard.from_json(content, str(output.child(CARD))).files)


def publish_listed(output: StoragePath, token: str, names: Sequence[str], card: ScoreCard, *, replace: bool) -> None:
    """Make the card list these files, and delete those of the earlier output.

    Args:
        output: the folder.
        token: the token of this scoring run.
        names: the names of its files.
        card: the card, without its files.
        replace: whether there may be an earlier output.

    Raises:
        ConfigError: another job wrote there meanwhile.
    """
    check_listed(output, replace=replace)
    sizes, before = files.list_sizes(output), listed_files(output)
    _check_there(output, names, sizes)
    listed = card.model_copy(update={"files": {name: sizes[name] for name in sorted(names)}})
    files.write_atomically(output.child(CARD), listed.to_json().encode())
    others = sizes.keys() - set(names) - {CARD}
    stay = {name for name in others - before if _may_be_written(name, token)}
    drop_files(output, others - stay)
    _check_there(output, names, files.list_sizes(output))
    if listed_files(output) != set(names):
        raise _shared_error(output, f"'{CARD}' is of another scoring run in")
    if stay:
        log.warning(
            "The output %s also holds %d files of scoring runs that still run or were killed, such as '%s'. "
            "%s does not list them; delete them if no other job writes there.",
            output, len(stay), min(stay), CARD,
        )  # fmt: skip


def _may_be_written(name: str, token: str) -> bool:
    """Whether a file that no card lists may belong to another scoring run that is in progress; `token` is our own."""
    match = _SCORING_FILE.fullmatch(name)
    return match is not None and match[1] not in (None, token) and not _has_ended(match[1])


def _check_there(output: StoragePath, names: Sequence[str], present: Iterable[str]) -> None:
    if gone := sorted({*names} - {*present}):
        raise _shared_error(output, f"'{gone[0]}' is missing from")


def _shared_error(output: StoragePath, what: str) -> ConfigError:
    return ConfigError(
        f"{what} '{output}': another job writes the same output. Run one after the other, or set another score.output "
        "for one of them."
    )


def drop_files(output: StoragePath, names: Iterable[str]) -> None:
    """Delete files of an output that no card lists."""
    for name in sorted(names):
        files.remove_file(output.child(name))
