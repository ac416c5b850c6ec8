"""Prepare: from a source to a published store."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from pyspark.sql import SparkSession

from pipeline.config.drift import DriftConfig
from pipeline.config.run import RunConfig
from pipeline.formatting import counted, listed
from pipeline.preparation.listing.source import Source, open_source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.writing.build_store import build_store
from pipeline.runtime.progress import Progress
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.profile import report_profile
from pipeline.stages.results.run import PrepareResult
from pipeline.store.filesystem import StoragePath
from pipeline.store.store import Store, is_published, open_store
from pipeline.store.table import contract_file, keep_contract, read_contract, read_table

log = logging.getLogger(__name__)


def prepare(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> PrepareResult:
    """Publish the store that a configuration describes, unless it exists already.

    Args:
        config: the experiment.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        ConfigError: the configuration does not fit the source.
        DataError: the data is missing, unreadable, or not as configured; nothing is published then.
    """
    with open_stage(config, "prepare", spark=spark, progress=progress) as opened, tracked(opened, config) as resources:
        _, result = prepare_store(resources, StoreSpec.of(config), config.drift)
        rows = {f"rows.{split}": count for split, count in result.rows.items()}
        resources.tracker.log_params(rows)
        resources.tracker.set_tags({"store_id": result.store_id})
        return result


def prepare_store(resources: Resources, store_spec: StoreSpec, drift: DriftConfig) -> tuple[Store, PrepareResult]:
    """Publish a store within an open job, unless it exists already.

    Args:
        resources: the job's resources.
        store_spec: the specification of the store; the contract under the storage root is added to it.
        drift: limits for drift between the splits.

    Raises:
        ConfigError: the specification does not fit the source.
        DataError: the data is missing, unreadable, or not as configured; nothing is published then.
    """
    start = time.monotonic()
    store_spec, source = open_store_spec(resources, store_spec)
    folder = store_spec.folder(source, resources.root)
    reused = is_published(folder)
    if not reused:
        build_store(resources.spark, store_spec, source, root=resources.root, progress=resources.progress)
    store = open_store(folder)
    if store_spec.infers_contract:
        _keep_contract(store_spec, store, resources.root)
    rows = _rows_of(store, store_spec)
    shown = ", ".join(f"{split} {rows[split]:,}" for split in store.manifest.splits)
    resources.progress.done(f"{'Reusing' if reused else 'Prepared'} store {store.manifest.store_id}: {shown} rows")
    report_profile(resources.tracker, store, store_spec.data.source, drift)
    result = PrepareResult(
        store=folder.uri,
        store_id=store.manifest.store_id,
        rows=rows,
        reused=reused,
        seconds=time.monotonic() - start,
        run_id=resources.tracker.run_id,
    )
    return store, result


def _rows_of(store: Store, store_spec: StoreSpec) -> dict[str, int]:
    """The rows of a store by split, and `left_out`, if a filter or the split may leave rows out; logs their number."""
    rows, left_out = store.manifest.rows, store.manifest.left_out
    drops = store_spec.data.label_nulls == "drop"
    if not left_out and store_spec.data.filter is None and not drops:
        return rows
    settings = ["data.filter"] if store_spec.data.filter is not None else []
    settings += ["data.label_nulls"] if drops else []
    settings += ["split"] if store_spec.split.method == "time" else []
    total, verb = sum(rows.values()) + left_out, "was" if left_out == 1 else "were"
    log.info("%s of %s %s left out (%s).", f"{left_out:,}", counted(total, "row"), verb, listed(settings or ["split"]))
    return {**rows, "left_out": left_out}


def find_store(resources: Resources, store_spec: StoreSpec) -> Store:
    """The store of a specification, which must exist.

    Raises:
        StoreError: it was not prepared, or the source or the configuration has changed since.
    """
    store_spec, source = open_store_spec(resources, store_spec)
    return open_store(store_spec.folder(source, resources.root))


def open_store_spec(resources: Resources, store_spec: StoreSpec) -> tuple[StoreSpec, Source]:
    """A specification with the contract that the storage root keeps, and its source, both in their present state."""
    kept = contract_file(resources.root, store_spec.name, store_spec.data.contract)
    store_spec = replace(store_spec, contract=None if kept is None else read_contract(kept))
    return store_spec, open_source(resources.spark, store_spec.data.source, resources.root, store_spec.data.joins)


def _keep_contract(store_spec: StoreSpec, store: Store, root: StoragePath) -> None:
    """Write the contract that the first run inferred, for people to edit and for later runs to enforce."""
    file, table = contract_file(root, store_spec.name, store_spec.data.contract), read_table(store)
    if file is None or table is None:
        return
    if keep_contract(file, table.inferred_with(store.manifest.store_id), name=store_spec.name):
        log.info("Wrote the contract of the source, for later runs to enforce and for you to edit: %s", file)
