"""Drift: other rows compared with the training rows of a store."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import SparkSession

from pipeline.config.joins import JoinConfig
from pipeline.config.run import RunConfig
from pipeline.config.source import SourceConfig
from pipeline.errors import StoreError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.profile.drift import drift_of_rows
from pipeline.preparation.profile.drift_limits import enforce
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.rows.typed_rows import Inputs
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.schemas.drift import DriftReport
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.prepare import find_store
from pipeline.store.store import Store, read_profile


def drift(
    config: RunConfig,
    source: SourceConfig | str,
    *,
    spark: SparkSession | None = None,
    progress: Progress | None = None,
) -> DriftReport:
    """Compare a source with the training rows of a configuration's store; the source need not have the label.

    Args:
        config: the experiment, as it was prepared.
        source: the other rows; a path is read like the configuration's own source.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Returns:
        The report; `to_text` formats it as a table.

    Raises:
        StoreError: the store was not prepared, or the configuration has changed since.
        DataError: the source cannot be read, or drift exceeds a limit that stops the job.
    """
    if isinstance(source, str):
        source = config.data.source.of_files((source,))
    with open_stage(config, "drift", spark=spark, progress=progress) as opened:
        store = find_store(opened, StoreSpec.of(config))
        with tracked(opened, config) as resources:
            report = _compare(resources, store, source, config.data.joins)
            resources.tracker.log_text(report.to_json(), "drift.json")
            resources.tracker.log_text(report.to_text() + "\n", "drift.txt")
            resources.progress.done(f"Compared {report.rows:,} rows of '{report.data}' with the training rows")
            enforce(report, config.drift)
            return report


def _compare(resources: Resources, store: Store, config: SourceConfig, joins: Sequence[JoinConfig]) -> DriftReport:
    profile, state = read_profile(store), store.features
    if profile is None:
        raise StoreError(f"Store {store.path} has no profile. Delete it and run jobs/prepare.py.")
    source = open_source(resources.spark, config, resources.root, joins)
    raw = open_table(resources.spark, source, config).read(list(dict.fromkeys(column.name for column in state.raw)))
    with watch_spark(resources.spark, resources.progress, "Measuring drift"):
        inputs = Inputs(raw.columns, state.raw, state.derived, label=None, weight=None)
        return drift_of_rows(profile, state, raw.scan, lambda batch: inputs.rows(batch).values, data=source.location)
