"""A published store, opened for reading."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pipeline.errors import Problem, StoreError, gather
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.shared_fold_rows import SharedFoldRows
from pipeline.schemas.audit import LeakAudit
from pipeline.schemas.profile import DataProfile
from pipeline.schemas.store_schema import StoreSchema
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import AUDIT, CONTRACT, FEATURES, MANIFEST, PROFILE, UNSCALED
from pipeline.store.manifest import READABLE, REMEDY, Manifest, SplitEntry

PETASTORM_METADATA = "_common_metadata"
"""Petastorm unpickles this file, so a store that has one is refused: unpickling runs whatever code it holds."""


@dataclass(frozen=True)
class Store:
    """A complete store.

    Attributes:
        path: path of its folder.
        manifest: the manifest, which lists its files.
        contract: the contract of its columns.
        features: the fitted features and label.
        shared_rows: columns of its files, if features are applied only when rows are read; else None.
    """

    path: StoragePath
    manifest: Manifest
    contract: StoreSchema
    features: FittedFeatures
    shared_rows: SharedFoldRows | None = None

    def split(self, name: str) -> SplitEntry:
        """A split's entry in the manifest."""
        return self.manifest.splits[name]

    def file(self, path: str) -> StoragePath:
        """The path of a file that the manifest lists."""
        return self.base.child(path)

    @property
    def base(self) -> StoragePath:
        """The folder that the manifest's paths are relative to."""
        return _base(self.path, self.manifest)


def is_published(folder: StoragePath) -> bool:
    """Whether a folder holds a complete store."""
    return files.exists(folder.child(MANIFEST))


def open_store(folder: StoragePath) -> Store:
    """Open a store, and check that every file exists with the size in the manifest.

    Raises:
        StoreError: naming what is missing, altered or not allowed.
    """
    manifest = Manifest.from_json(_document(folder, MANIFEST), f"{folder}/{MANIFEST}")
    if manifest.format not in READABLE:
        allowed = ", ".join(map(str, READABLE))
        raise StoreError(
            f"Store {folder} has format {manifest.format}. Allowed: {allowed}. Prepare it again with this version."
        )
    problems = _problems(folder, manifest)
    if problems:
        raise StoreError(gather(f"Store {folder} does not match its manifest", problems))
    return Store(
        folder,
        manifest,
        StoreSchema.from_json(_document(folder, CONTRACT), f"{folder}/{CONTRACT}"),
        FittedFeatures.from_json(_document(folder, FEATURES), f"{folder}/{FEATURES}"),
        SharedFoldRows.from_json(_document(folder, UNSCALED), f"{folder}/{UNSCALED}")
        if UNSCALED in manifest.documents
        else None,
    )


def read_profile(store: Store) -> DataProfile | None:
    """The profile of a store's training rows; None for a store without one."""
    if PROFILE not in store.manifest.documents:
        return None
    return DataProfile.from_json(_document(store.path, PROFILE), f"{store.path}/{PROFILE}")


def read_audit(store: Store) -> LeakAudit | None:
    """The results of a store's leak audit; None for a store without one."""
    if AUDIT not in store.manifest.documents:
        return None
    return LeakAudit.from_json(_document(store.path, AUDIT), f"{store.path}/{AUDIT}")


def _base(folder: StoragePath, manifest: Manifest) -> StoragePath:
    return folder.folder if manifest.base else folder


def _document(folder: StoragePath, name: str) -> bytes:
    try:
        return files.read_bytes(folder.child(name))
    except FileNotFoundError as error:
        raise StoreError(f"There is no complete store at {folder}: {name} is missing. Run jobs/prepare.py.") from error


def _problems(folder: StoragePath, manifest: Manifest) -> list[Problem]:
    problems = []
    present = files.list_sizes(_base(folder, manifest))
    for name in sorted(path for path in present if path.rpartition("/")[2] == PETASTORM_METADATA):
        problems.append(Problem(f"'{name}' would be unpickled by Petastorm and is refused", remedy=REMEDY))
    for name, digest in manifest.documents.items():
        if hashlib.sha256(_document(folder, name)).hexdigest() != digest:
            problems.append(Problem(f"'{name}' was altered", remedy=REMEDY))
    for split in manifest.splits.values():
        for file in split.files:
            size = present.get(file.path)
            if size != file.bytes:
                received = "no such file" if size is None else f"{size} bytes"
                problems.append(Problem(f"'{file.path}' was altered", f"{file.bytes} bytes", received, REMEDY))
    return problems
