"""A published store, opened for reading."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pipeline.errors import Problem, StoreError, gather
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.shared_fold_rows import SharedFoldRows
from pipeline.schemas.audit import LeakAudit
from pipeline.schemas.columns import StoreContract
from pipeline.schemas.profile import DataProfile
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import AUDIT, CONTRACT, FEATURES, MANIFEST, PROFILE, UNSCALED
from pipeline.store.manifest import READABLE, Manifest, SplitEntry

PETASTORM_METADATA = "_common_metadata"
"""Petastorm unpickles this file, so a store that has one is refused: unpickling runs whatever code it holds."""


@dataclass(frozen=True)
class Store:
    """A complete store.

    Attributes:
        place: its folder.
        manifest: what it holds.
        contract: its columns.
        features: the fitted features and label.
        shared_rows: what its rows hold, where features are applied to them only when they are read.
    """

    place: StoragePath
    manifest: Manifest
    contract: StoreContract
    features: FittedFeatures
    shared_rows: SharedFoldRows | None = None

    def split(self, name: str) -> SplitEntry:
        """One split's files."""
        return self.manifest.splits[name]

    def file(self, path: str) -> StoragePath:
        """Where a file lies."""
        return self.base.child(path)

    @property
    def base(self) -> StoragePath:
        """The folder that its files lie below."""
        return _base(self.place, self.manifest)


def is_published(folder: StoragePath) -> bool:
    """Whether a complete store stands there."""
    return files.exists(folder.child(MANIFEST))


def open_store(place: StoragePath) -> Store:
    """Open a store and check that every file is there with the size that the manifest says.

    Raises:
        StoreError: naming what is missing, altered or not allowed.
    """
    manifest = Manifest.from_json(_document(place, MANIFEST), f"{place}/{MANIFEST}")
    if manifest.format not in READABLE:
        allowed = ", ".join(map(str, READABLE))
        raise StoreError(
            f"Store {place} has format {manifest.format}. Allowed: {allowed}. Prepare it again with this version."
        )
    problems = _problems(place, manifest)
    if problems:
        raise StoreError(gather(f"Store {place} does not match its manifest", problems))
    return Store(
        place,
        manifest,
        StoreContract.from_json(_document(place, CONTRACT), f"{place}/{CONTRACT}"),
        FittedFeatures.from_json(_document(place, FEATURES), f"{place}/{FEATURES}"),
        SharedFoldRows.from_json(_document(place, UNSCALED), f"{place}/{UNSCALED}")
        if UNSCALED in manifest.documents
        else None,
    )


def read_profile(store: Store) -> DataProfile | None:
    """What its training rows look like; None for a store without a profile."""
    if PROFILE not in store.manifest.documents:
        return None
    return DataProfile.from_json(_document(store.place, PROFILE), f"{store.place}/{PROFILE}")


def read_audit(store: Store) -> LeakAudit | None:
    """What the leak audit found; None for a store without one."""
    if AUDIT not in store.manifest.documents:
        return None
    return LeakAudit.from_json(_document(store.place, AUDIT), f"{store.place}/{AUDIT}")


def _base(folder: StoragePath, manifest: Manifest) -> StoragePath:
    return folder.folder if manifest.base else folder


def _document(folder: StoragePath, name: str) -> bytes:
    try:
        return files.read_bytes(folder.child(name))
    except FileNotFoundError as error:
        raise StoreError(f"There is no complete store at {folder}: {name} is missing. Run jobs/prepare.py.") from error


def _problems(folder: StoragePath, manifest: Manifest) -> list[Problem]:
    remedy = "Delete the store's folder and run jobs/prepare.py"
    problems = []
    present = files.list_sizes(_base(folder, manifest))
    for name in sorted(path for path in present if path.rpartition("/")[2] == PETASTORM_METADATA):
        problems.append(Problem(f"'{name}' would be unpickled by Petastorm and is refused", remedy=remedy))
    for name, digest in manifest.documents.items():
        if hashlib.sha256(_document(folder, name)).hexdigest() != digest:
            problems.append(Problem(f"'{name}' was altered", remedy=remedy))
    for split in manifest.splits.values():
        for file in split.files:
            size = present.get(file.path)
            if size != file.bytes:
                received = "no such file" if size is None else f"{size} bytes"
                problems.append(Problem(f"'{file.path}' was altered", f"{file.bytes} bytes", received, remedy))
    return problems
