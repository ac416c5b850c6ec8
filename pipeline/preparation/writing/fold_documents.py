"""The documents beside the rows of a cross-validation: those of each fold, the manifests, and the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.kinds.fitted_features import FittedFeatures, store_schema_of
from pipeline.kinds.shared_fold_rows import SharedFoldRows
from pipeline.preparation.audit.fold_audit import periods
from pipeline.preparation.audit.leak_audit import report_audit
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.rows.fold_placement import FoldPlan
from pipeline.preparation.rows.fold_roles import Fold
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.schemas.audit import Check, LeakAudit
from pipeline.store.documents import write_documents
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import (
    AUDIT,
    CONTRACT,
    FEATURES,
    MANIFEST,
    SPLITS,
    UNSCALED,
    fold_store,
)
from pipeline.store.manifest import FoldsManifest, Manifest, SplitEntry


@dataclass(frozen=True)
class FittedFold:
    """A fitted fold, and the files of its rows.

    Attributes:
        name: the name of the fold.
        whole: statistics of all rows.
        features: its features.
        shared_rows: the columns of its files.
        shards: number of virtual shards.
        splits: its files by split.
        written: number of rows in the files of all folds of its assignment.
    """

    name: str
    whole: DatasetStatistics
    features: FittedFeatures
    shared_rows: SharedFoldRows
    shards: int
    splits: Mapping[str, SplitEntry]
    written: int


def splits_of(fold: Fold, entries: Sequence[SplitEntry]) -> dict[str, SplitEntry]:
    """The files of each split; those of a group that counts several times are repeated."""
    groups: dict[str, list[SplitEntry]] = {name: [] for name in SPLITS}
    for group, (split, times) in sorted(fold.roles.items()):
        if group < len(entries):
            groups[SPLITS[split]] += [entries[group]] * times
    return {name: _together(group_entries) for name, group_entries in groups.items()}


def _together(entries: Sequence[SplitEntry]) -> SplitEntry:
    files = sorted((file for entry in entries for file in entry.files), key=lambda file: (file.shard, file.path))
    return SplitEntry(rows=sum(file.rows for file in files), files=tuple(files))


def folds_audit(plan: FoldPlan, whole: DatasetStatistics, checks: Sequence[Check]) -> LeakAudit:
    """The audit of all assignments; logs its warnings, and raises its errors."""
    rows = {"divided": whole.splits["train"], "apart": whole.splits["test"]}
    cuts = periods(plan)
    audit = LeakAudit(method=plan.method, rows=rows, left_out=whole.left_out, cuts=cuts, checks=tuple(checks))
    report_audit(audit)
    return audit


def folds_manifest(
    folds_spec: FoldsSpec, source: Source, opened: OpenedDataset, plan: FoldPlan, fitted_folds: Sequence[FittedFold]
) -> FoldsManifest:
    """The manifest, which is the last file of a cross-validation to be written."""
    whole = fitted_folds[0].whole
    return FoldsManifest(
        name=folds_spec.store_spec.name,
        store_id=folds_spec.store_id(source),
        folds_id=folds_spec.folds_id(source, opened.plan),
        source=source.fingerprint,
        method=plan.method,
        folds=plan.folds,
        repeats=plan.repeats,
        rows=whole.splits["train"],
        quarantined=whole.bad,
        left_out=whole.left_out,
        apart=whole.splits["test"],
        names=tuple(fold.name for fold in fitted_folds),
    )


def write_fold_documents(
    manifest: FoldsManifest, config: str, fitted_folds: Sequence[FittedFold], audit: LeakAudit, work: StoragePath
) -> None:
    """Write the documents of each fold, and the audit."""
    for fold in fitted_folds:
        _write_fold(manifest, config, fold, work.child(fold.name))
    write_documents(work, {AUDIT: audit})


def _write_fold(folds: FoldsManifest, config: str, fold: FittedFold, folder: StoragePath) -> None:
    documents = {CONTRACT: store_schema_of(fold.features), FEATURES: fold.features, UNSCALED: fold.shared_rows}
    manifest = Manifest(
        name=folds.name,
        store_id=fold_store(folds.store_id, fold.name),
        source=folds.source,
        config=config,
        shards=fold.shards,
        splits=fold.splits,
        documents=write_documents(folder, documents),
        base="..",
    )
    write_documents(folder, {MANIFEST: manifest})
