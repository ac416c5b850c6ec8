"""Builds the stores of a cross-validation: rows once for each assignment, and documents for each fold.

    open -> divide -> [pass 1] statistics and counts by group -> fit all -> [pass 2] write -> audit

The rows do not depend on the features of any fold: they have unscaled numbers, and ids of one vocabulary for all folds
(`kinds/shared_fold_rows.py`). The store of a fold consists of documents and a manifest that lists the files of its
groups; the feed applies the fold's features. So k folds cost about as much as one store, and equal k stores that are
prepared separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import SparkSession

from pipeline.errors import ConfigError, DataError, gather
from pipeline.preparation.listing.source import Source, check_unchanged
from pipeline.preparation.planning.offered_columns import log_left_out
from pipeline.preparation.planning.open_dataset import OpenedDataset, open_rows
from pipeline.preparation.planning.resolve_folds import resolve_folds
from pipeline.preparation.planning.resolve_split import needed_columns
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.rows.fold_placement import FoldPlacement, FoldPlan
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.folds import assignments
from pipeline.preparation.rows.partitions import partition_folder
from pipeline.preparation.rows.table import Table
from pipeline.preparation.statistics.strata import count_strata, strata_problems
from pipeline.preparation.writing.assignment_folds import AssignmentFolds
from pipeline.preparation.writing.fold_documents import (
    FittedFold,
    folds_audit,
    folds_manifest,
    write_fold_documents,
)
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.preparation.writing.quarantine import QUARANTINE, warn_of_quarantined, write_bad_rows
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.schemas.audit import Check
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import FOLDS
from pipeline.store.publish import draft, scratch

MOST_STORES = 2000
"""The most stores of a cross-validation: each is a folder of documents, and all are fitted together."""


def build_folds(
    spark: SparkSession, folds_spec: FoldsSpec, source: Source, *, root: StoragePath, progress: Progress
) -> None:
    """Publish the stores of all folds at `folds_spec.folder(source, root)`.

    Raises:
        ConfigError: the configuration does not fit the source.
        DataError: the data cannot be read, or is not as configured; nothing is published then.
    """
    with scratch(root) as staging:
        _build(spark, folds_spec, source, staging, root=root, progress=progress)


def _build(
    spark: SparkSession,
    folds_spec: FoldsSpec,
    source: Source,
    staging: StoragePath,
    *,
    root: StoragePath,
    progress: Progress,
) -> None:
    store = folds_spec.store_spec
    if store.data.sampling.method != "none":
        raise ConfigError(
            "data.sampling cannot be combined with a cross-validation. Leave it out; "
            "train.class_weights has the same effect."
        )
    with watch_spark(spark, progress, "Reading the source"):
        opened, plan = _opened(spark, folds_spec, source, staging)
    with draft(root, folds_spec.folder(source, root), FOLDS) as whole:
        work = whole.folder
        builder = AssignmentFolds(folds_spec, opened, plan, work, progress)
        fitted_folds: list[FittedFold] = []
        checks: list[Check] = []
        for number, assignment in enumerate(_bounded(assignments(plan, folds_spec.use))):
            _check_strata(opened.table, plan, assignment)
            with partition_folder(root, assignment.used[-1] + 1) as partitions:
                folds, fold_checks = builder.build(assignment, number, partitions)
            fitted_folds += folds
            checks += fold_checks
        same_rows = all(fold.written == fold.whole.splits["train"] for fold in fitted_folds)
        check_unchanged(spark, store.data.source, source, root, same_rows=same_rows)
        reasons = write_bad_rows(opened.table, work) if fitted_folds[0].whole.bad else {}
        manifest = folds_manifest(folds_spec, source, opened, plan, fitted_folds)
        audit = folds_audit(plan, fitted_folds[0].whole, checks)
        write_fold_documents(manifest, store.fingerprint, fitted_folds, audit, work)
        whole.publish(manifest.to_json().encode())
    if reasons:
        warn_of_quarantined(reasons, fitted_folds[0].whole.rows, folds_spec.folder(source, root).child(QUARANTINE))


def _bounded(planned: Sequence[FoldAssignment]) -> Sequence[FoldAssignment]:
    """Check that the assignments do not need too many stores: k nested folds need about k^2."""
    count = sum(len(assignment.folds) for assignment in planned)
    if count <= MOST_STORES:
        return planned
    raise ConfigError(
        f"This cross-validation needs {count:,} folds, inner folds included. Allowed: {MOST_STORES:,}. Take "
        "fewer folds or repeats, method group in place of leave_one_group_out, or search.crossval: false."
    )


def _opened(
    spark: SparkSession, folds_spec: FoldsSpec, source: Source, staging: StoragePath
) -> tuple[OpenedDataset, FoldPlan]:
    """Open the source, with the groups of each row."""
    store = folds_spec.store_spec
    needed = needed_columns(folds_spec.folds, store.data)
    table = open_table(spark, source, store.data.source)
    for check in table.checks:
        check()
    opened = open_rows(store, table, more=needed, staging=staging)
    log_left_out(opened.left_out)
    plan = resolve_folds(folds_spec.folds, store.data, opened.table)
    placement = FoldPlacement(plan, store.seed, folds_spec.validation)
    program = replace(opened.table.program, folds=placement)
    return replace(opened, table=replace(opened.table, program=program)), plan


def _check_strata(table: Table, plan: FoldPlan, assignment: FoldAssignment) -> None:
    """Check that every stratum has rows in every fold; two more queries, for `crossval.method: stratified`."""
    if not plan.strata:
        return
    counts = count_strata(
        table, plan.strata, lambda rows: rows.placement.of(assignment.column) // 2, parts=plan.folds, bins=plan.bins
    )
    problems = strata_problems(counts, {fold: f"fold {fold}" for fold in range(plan.folds)})
    if problems:
        raise DataError(gather("Some strata are too small to be divided into folds", problems))
