"""Documents in a folder, a file each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeVar

from pipeline.errors import StoreError
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath

D = TypeVar("D", bound=Document)


def read_documents(folder: StoragePath, kind: type[D]) -> list[D]:
    """Documents that several processes write to a folder, by file name, without those that cannot be read now."""
    documents = []
    for name in files.list_files(folder):
        if name.endswith(".json"):
            try:
                documents.append(kind.from_json(files.read_bytes(folder.child(name)), name))
            except (OSError, StoreError):  # replaced while being read, on file systems that cannot rename over a file
                continue
    return documents


def write_documents(folder: StoragePath, documents: Mapping[str, Document]) -> dict[str, str]:
    """Write documents under their names; returns the SHA-256 of each file by name."""
    digests = {}
    for name, document in documents.items():
        content = document.to_json().encode()
        files.write_bytes(folder.child(name), content)
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests
