"""Collects the statistics of all rows, and checks the number of bad rows and that splits and strata are not empty."""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import DataError, gather
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.rows.fold_roles import WHOLE
from pipeline.preparation.rows.row_errors import bad_rows_error
from pipeline.preparation.rows.table import Table
from pipeline.preparation.statistics.dataset_statistics import CollectedStatistics, DatasetStatistics
from pipeline.preparation.statistics.split_checks import check_splits
from pipeline.preparation.statistics.statistics_query import statistics_query
from pipeline.preparation.statistics.strata import count_strata, strata_problems
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import SPLITS


def checked_statistics(
    store_spec: StoreSpec, opened: OpenedDataset, partitions: StoragePath | None = None
) -> tuple[DatasetStatistics, CollectedStatistics]:
    """Collect the statistics of all rows in one pass, and check them.

    Args:
        store_spec: the specification of the store.
        opened: the source.
        partitions: a folder in which rows are kept for later passes; None where these read the source again.

    Raises:
        DataError: there are more bad rows than the budget allows, or a split or stratum has no rows.
    """
    query = statistics_query(store_spec, opened)
    first = replace(query, table=replace(query.table, scan=opened.parsed))
    collected = first.gather(WHOLE, partitions)
    statistics = query.statistics(collected.moments)
    check_budget(store_spec, opened, statistics)
    check_splits(
        statistics.splits,
        opened.table.split,
        bad=statistics.bad,
        left_out=statistics.left_out,
        filtered=store_spec.data.filter is not None,
    )
    _check_strata(opened.table)
    return statistics, collected


def check_budget(store_spec: StoreSpec, opened: OpenedDataset, statistics: DatasetStatistics) -> None:
    """Check that there are no more bad rows than the configuration allows.

    Raises:
        DataError: there are more; the message gives reasons and examples.
    """
    allowed = store_spec.data.bad_rows.allowed(statistics.rows)
    if statistics.bad > allowed:
        table, row_errors = opened.table, opened.table.program.row_errors
        raise bad_rows_error(
            table.scan, table.program.inputs, row_errors, total=statistics.rows, bad=statistics.bad, allowed=allowed
        )


def _check_strata(table: Table) -> None:
    """Check that every stratum has rows in every split; two more queries, for `split.method: stratified`."""
    split = table.split
    if not split.strata:
        return
    counts = count_strata(table, split.strata, lambda rows: rows.placement.split, parts=len(SPLITS), bins=split.bins)
    problems = strata_problems(counts, {SPLITS.index(name): name for name in split.wanted})
    if problems:
        raise DataError(gather("Some strata are too small to be divided", problems))
