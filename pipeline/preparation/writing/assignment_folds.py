"""Builds the folds of one assignment in two passes: their statistics and features, and the rows that they share."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from pipeline.errors import DataError, gather
from pipeline.preparation.audit.fold_audit import audit_of_assignment, checks_of_assignment
from pipeline.preparation.fitting.fit_features import fit_folds
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.rows.fold_placement import FoldPlan, group_of_split
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.folds import fold_problems
from pipeline.preparation.rows.split import LEFT_OUT, QUARANTINED, TEST, TRAIN
from pipeline.preparation.statistics.checked_statistics import check_budget
from pipeline.preparation.statistics.column_statistics import Measured, regrouped
from pipeline.preparation.statistics.dataset_statistics import CollectedStatistics, DatasetStatistics
from pipeline.preparation.statistics.statistics_query import StatisticsQuery, statistics_query
from pipeline.preparation.writing.fold_documents import FittedFold, splits_of
from pipeline.preparation.writing.fold_rows import fold_shards, shared_rows_of, stored_rows
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.preparation.writing.stored_rows import filing_of
from pipeline.preparation.writing.write_rows import write_groups
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.schemas.audit import Check
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import group_folder


@dataclass(frozen=True)
class AssignmentFolds:
    """Builds the folds of an assignment.

    Attributes:
        folds_spec: the specification of all folds.
        opened: the source, with the groups of each row.
        plan: how rows are divided.
        work: the folder of all folds.
        progress: reports what Spark is doing.
    """

    folds_spec: FoldsSpec
    opened: OpenedDataset
    plan: FoldPlan
    work: StoragePath
    progress: Progress

    def build(
        self, assignment: FoldAssignment, number: int, partitions: StoragePath | None
    ) -> tuple[list[FittedFold], tuple[Check, ...]]:
        """Build and audit all folds of an assignment.

        Args:
            assignment: the folds.
            number: the index of the assignment.
            partitions: a folder in which rows are kept for the second pass; None where it reads the source again.
        """
        store_spec, groups = self.folds_spec.store_spec, assignment.used[-1] + 1
        with self._watch("Collecting statistics", number):
            collected, whole, folds = self._statistics(assignment, partitions)
        opened = replace(self.opened, table=replace(self.opened.table, partitions=collected.partitions))
        with self._watch("Fitting features", number):
            fitted = fit_folds(store_spec, opened, whole, folds, collected, assignment)
        features_of_folds = [fold.features for fold in fitted]
        evaluated = [statistics for fold, statistics in zip(assignment.folds, folds, strict=True) if fold.test]
        shards, shared_rows = fold_shards(whole, evaluated, groups), shared_rows_of(features_of_folds)
        folders, total = [group_folder(number, group) for group in range(groups)], whole.splits["train"]
        with self._watch("Writing the rows", number):
            audit = audit_of_assignment(opened, self.plan, assignment, total=total, level=store_spec.data.audit)
            filing = filing_of(folders, shards, shared_rows.columns, total // groups)
            stored = stored_rows(shared_rows, features_of_folds[0], assignment, filing, opened.table.seed, audit)
            written = write_groups(opened.table, stored, self.work)
        entries = [written.groups[folder] for folder in folders]
        rows = sum(entry.rows for entry in entries)
        fitted_folds = [
            FittedFold(fold.name, whole, features, shared_rows, shards, splits_of(fold, entries), rows)
            for fold, features in zip(assignment.folds, features_of_folds, strict=True)
        ]
        return fitted_folds, checks_of_assignment(audit, written.units, self.plan, number)

    def _watch(self, what: str, number: int) -> AbstractContextManager[None]:
        suffix = "" if number == 0 else f", division {number + 1}"
        return watch_spark(self.opened.table.scan.spark, self.progress, f"{what} of all folds{suffix}")

    def _statistics(
        self, assignment: FoldAssignment, partitions: StoragePath | None
    ) -> tuple[CollectedStatistics, DatasetStatistics, list[DatasetStatistics]]:
        """The results of the first pass: raw, of all rows, and of each fold."""
        query = statistics_query(self.folds_spec.store_spec, self.opened)
        collected = query.gather(assignment, partitions)
        whole = query.statistics(regrouped(collected.moments, _roles_of_all(collected.moments)))
        check_budget(self.folds_spec.store_spec, self.opened, whole)
        return collected, whole, _fold_statistics(query, collected.moments, assignment)


def _roles_of_all(measured: Measured) -> dict[int, tuple[int, int]]:
    """The roles of all groups in one fold of all rows."""
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
