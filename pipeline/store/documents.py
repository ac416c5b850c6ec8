"""Documents that several processes leave in one folder, a file each."""

from __future__ import annotations

from typing import TypeVar

from pipeline.contract.document import Document
from pipeline.errors import StoreError
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root

D = TypeVar("D", bound=Document)


def read_documents(folder: Root, kind: type[D]) -> list[D]:
    """All that can be read, by the names of their files; there may be none, and no folder."""
    found = []
    for name in files.list_files(folder):
        if name.endswith(".json"):
            try:
                found.append(kind.from_json(files.read_bytes(folder.within(name)), name))
            except (OSError, StoreError):  # replaced while it was read, on file systems that cannot rename over a file
                continue
    return found
