"""Writing what the folds of a cross-validation read: rows once for each assignment, and a store for each fold.

    open -> divide -> [pass 1] statistics and counts by group -> fit all -> [pass 2] write -> audit

Nothing that a fold learned is in the rows: they hold numbers as they are and ids of a vocabulary of all folds together
(`kinds/shared_fold_rows.py`). A fold's store has documents only, and a manifest that lists the files of its groups; the
feed applies the fold's features. So k folds cost about as much as one store, and are equal to k stores that were each
prepared by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import SparkSession

from pipeline.errors import ConfigError, DataError, gather
from pipeline.preparation.audit.fold_audit import audit_of_assignment, checks_of_assignment
from pipeline.preparation.fitting.fit_features import fit_folds
from pipeline.preparation.listing.source import Source, check_unchanged
from pipeline.preparation.planning.open_dataset import OpenedDataset, open_rows
from pipeline.preparation.planning.resolve_folds import resolve_folds
from pipeline.preparation.planning.resolve_split import needed_columns
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.rows.fold_placement import FoldPlacement, FoldPlan, group_of_split
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.folds import assignments, fold_problems
from pipeline.preparation.rows.partitions import partition_folder
from pipeline.preparation.rows.split import LEFT_OUT, QUARANTINED, TEST, TRAIN
from pipeline.preparation.rows.table import Table
from pipeline.preparation.statistics.checked_statistics import check_budget
from pipeline.preparation.statistics.column_statistics import Measured, regrouped
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.statistics.statistics_query import StatisticsQuery, statistics_query
from pipeline.preparation.statistics.strata import count_strata, strata_problems
from pipeline.preparation.writing.fold_documents import (
    FittedFold,
    folds_audit,
    folds_manifest,
    splits_of,
    write_fold_documents,
)
from pipeline.preparation.writing.fold_rows import fold_shards, shared_rows_of, stored_rows
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.preparation.writing.quarantine import QUARANTINE, warn_of_quarantined, write_bad_rows
from pipeline.preparation.writing.stored_rows import filing_of
from pipeline.preparation.writing.write_rows import write_groups
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.schemas.audit import Check
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import (
    FOLDS,
    group_folder,
)
from pipeline.store.publish import draft, scratch

MOST_STORES = 2000
"""Of a cross-validation: each is a folder of documents, and all are fitted together."""


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
            "data.sampling does not go with a cross-validation. Leave it out; train.class_weights has the same effect."
        )
    with watch_spark(spark, progress, "Reading the source"):
        opened, plan = _opened(spark, folds_spec, source, staging)
    with draft(root, folds_spec.folder(source, root), FOLDS) as whole:
        work = whole.folder
        fitted_folds: list[FittedFold] = []
        checks: list[Check] = []
        for number, assignment in enumerate(_bounded(assignments(plan, folds_spec.use))):
            _check_strata(opened.table, plan, assignment)
            with partition_folder(root, assignment.used[-1] + 1) as partitions:
                folds, fold_checks = _divided(folds_spec, opened, plan, assignment, number, work, partitions, progress)
            fitted_folds += folds
            checks += fold_checks
        same_rows = all(fold.written == fold.whole.splits["train"] for fold in fitted_folds)
        check_unchanged(spark, store.data.source, source, root, same_rows=same_rows)
        reasons = write_bad_rows(opened.table, work) if fitted_folds[0].whole.bad else {}
        manifest, audit = (
            folds_manifest(folds_spec, source, opened, plan, fitted_folds),
            folds_audit(plan, fitted_folds[0].whole, checks),
        )
        write_fold_documents(manifest, store.fingerprint, fitted_folds, audit, work)
        whole.publish(manifest.to_json().encode())
    if reasons:
        warn_of_quarantined(reasons, fitted_folds[0].whole.rows, folds_spec.folder(source, root).child(QUARANTINE))


def _bounded(planned: Sequence[FoldAssignment]) -> Sequence[FoldAssignment]:
    """Divisions that do not make too many stores: k nested folds have about k^2."""
    count = sum(len(assignment.folds) for assignment in planned)
    if count <= MOST_STORES:
        return planned
    raise ConfigError(
        f"This cross-validation needs {count:,} folds, those within folds included. Allowed: {MOST_STORES:,}. Take "
        "fewer folds or repeats, method group in place of leave_one_group_out, or search.crossval: false."
    )


def _opened(
    spark: SparkSession, folds_spec: FoldsSpec, source: Source, staging: StoragePath
) -> tuple[OpenedDataset, FoldPlan]:
    """The source, and each of its rows with its groups."""
    store = folds_spec.store_spec
    needed = needed_columns(folds_spec.folds, store.data)
    opened = open_rows(store, open_table(spark, source, store.data.source), more=needed, staging=staging)
    plan = resolve_folds(folds_spec.folds, store.data, opened.table)
    placement = FoldPlacement(plan, store.seed, folds_spec.validation)
    program = replace(opened.table.program, folds=placement)
    return replace(opened, table=replace(opened.table, program=program)), plan


def _divided(
    folds_spec: FoldsSpec,
    opened: OpenedDataset,
    plan: FoldPlan,
    assignment: FoldAssignment,
    number: int,
    work: StoragePath,
    partitions: StoragePath | None,
    progress: Progress,
) -> tuple[list[FittedFold], tuple[Check, ...]]:
    """All folds of an assignment, in two passes, and what its audit found."""
    suffix, spark = "" if number == 0 else f", division {number + 1}", opened.table.scan.spark
    groups = assignment.used[-1] + 1
    with watch_spark(spark, progress, f"Collecting statistics of all folds{suffix}"):
        query = statistics_query(folds_spec.store_spec, opened)
        collected = query.gather(assignment, partitions)
        measured = collected.moments
        whole = query.statistics(regrouped(measured, _everything(measured)))
        check_budget(folds_spec.store_spec, opened, whole)
        fold_statistics = _fold_statistics(query, measured, assignment)
    table = replace(opened.table, partitions=collected.partitions)
    opened = replace(opened, table=table)
    with watch_spark(spark, progress, f"Fitting features of all folds{suffix}"):
        fitted = fit_folds(folds_spec.store_spec, opened, whole, fold_statistics, collected, assignment)
    states = [fold.state for fold in fitted]
    shards = fold_shards(
        whole,
        [statistics for fold, statistics in zip(assignment.folds, fold_statistics, strict=True) if fold.test],
        groups,
    )
    shared_rows = shared_rows_of(states)
    with watch_spark(spark, progress, f"Writing the rows of all folds{suffix}"):
        folders = [group_folder(number, group) for group in range(groups)]
        total, level = whole.splits["train"], folds_spec.store_spec.data.audit
        audit = audit_of_assignment(opened, plan, assignment, total=total, level=level)
        filing = filing_of(folders, shards, shared_rows.columns, total // groups)
        stored = stored_rows(shared_rows, states[0], assignment, filing, table.seed, audit)
        written = write_groups(table, stored, work)
    entries = [written.groups[folder] for folder in folders]
    rows = sum(entry.rows for entry in entries)
    fitted_folds = [
        FittedFold(fold.name, whole, state, shared_rows, shards, splits_of(fold, entries), rows)
        for fold, state in zip(assignment.folds, states, strict=True)
    ]
    return fitted_folds, checks_of_assignment(audit, written.units, plan, number)


def _check_strata(table: Table, plan: FoldPlan, assignment: FoldAssignment) -> None:
    """Every stratum has rows in every fold; two more queries, for `crossval.method: stratified`."""
    if not plan.strata:
        return
    counts = count_strata(
        table, plan.strata, lambda rows: rows.placement.of(assignment.column) // 2, parts=plan.folds, bins=plan.bins
    )
    problems = strata_problems(counts, {fold: f"fold {fold}" for fold in range(plan.folds)})
    if problems:
        raise DataError(gather("Some strata are too small to be divided into folds", problems))


def _everything(measured: Measured) -> dict[int, tuple[int, int]]:
    """The split of each group, as if there were no folds."""
    others = {group_of_split(split): (split, 1) for split in (TEST, LEFT_OUT, QUARANTINED)}
    groups = {group for column in measured.values() for group in column if group >= 0}
    return {**dict.fromkeys(groups, (TRAIN, 1)), **others}


def _fold_statistics(query: StatisticsQuery, measured: Measured, assignment: FoldAssignment) -> list[DatasetStatistics]:
    fold_statistics = [query.statistics(regrouped(measured, fold.roles)) for fold in assignment.folds]
    splits = [statistics.splits for statistics in fold_statistics]
    undecided = max((groups[-1].rows for groups in measured.values() if -1 in groups), default=0)
    if problems := fold_problems([*zip(assignment.folds, splits, strict=True)], undecided):
        raise DataError(gather("The rows cannot be divided into these folds", problems))
    return fold_statistics
