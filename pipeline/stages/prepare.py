"""Prepare: from a source to a published store.

    read -> check names -> [query 1] check values -> [query 2] fit -> [query 3] transform and write -> publish

The source is gone through three times: for statistics, for counts of categories and classes (not where there are
neither), and to write. Nothing is written before the checks are done.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.contract.columns import contract_of
from pipeline.contract.document import fingerprint
from pipeline.contract.features import FeatureState
from pipeline.contract.label import Task
from pipeline.data.check import check_label, check_names, check_types, check_values
from pipeline.data.diagnose import bad_rows_error
from pipeline.data.read import RawTable, read_table
from pipeline.data.source import Source, open_source
from pipeline.data.split import shards_for
from pipeline.data.table import Table, type_table, wanted_columns
from pipeline.data.write import write_rows
from pipeline.errors import DataError
from pipeline.features.fit import category_limits, fit_features, median_columns
from pipeline.features.label import fit_label, infer_task
from pipeline.features.statistics import TableStatistics, collect_statistics
from pipeline.features.vocabulary import count_values
from pipeline.runtime.spark import open_session
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root, open_root
from pipeline.store.layout import CONTRACT, FEATURES, MANIFEST, store_place
from pipeline.store.manifest import FORMAT, Manifest, SplitEntry
from pipeline.store.publish import publish_once, scratch
from pipeline.store.store import is_published, open_store

log = logging.getLogger(__name__)

STORE_ID_LENGTH = 16


@dataclass(frozen=True)
class PrepareResult:
    """What `prepare` gives.

    Attributes:
        store: URI of the published store.
        store_id: its name, derived from the source and the configuration.
        rows: of each split, and `quarantined`.
        seconds: that it took.
        reused: whether the store was there already.
    """

    store: str
    store_id: str
    rows: Mapping[str, int]
    seconds: float
    reused: bool


def prepare(config: RunConfig, *, spark: SparkSession | None = None) -> PrepareResult:
    """Publish the store that a configuration describes, unless it is there already.

    Args:
        config: the experiment.
        spark: a session to work in; None opens one.

    Raises:
        ConfigError: the configuration does not fit the source.
        DataError: the data is missing, unreadable, or not as configured; nothing is published.
    """
    started = time.perf_counter()
    spark = spark or open_session(config.spark, app=config.name, workers=config.train.workers)
    root = open_root(config.storage.root)
    source = open_source(spark, config.data.source, root)
    identity = store_identity(config, source)
    place = store_place(root, config.name, identity)
    reused = is_published(place)
    if not reused:
        _publish(config, spark, source, root, place)
    manifest = open_store(place).manifest
    seconds = time.perf_counter() - started
    return PrepareResult(place.uri, identity, manifest.rows, seconds, reused)


def store_identity(config: RunConfig, source: Source) -> str:
    """The store's name: changes with the source and with every setting that shapes the store."""
    return fingerprint([source.fingerprint, config_fingerprint(config)])[:STORE_ID_LENGTH]


def config_fingerprint(config: RunConfig) -> str:
    """SHA-256 of the settings that shape a store. The source's place is none: its files' fingerprint stands for it."""
    sections = config.model_dump(mode="json", include={"data", "split", "features", "seed"})
    del sections["data"]["source"]["path"]
    return fingerprint([FORMAT, sections])


def _publish(config: RunConfig, spark: SparkSession, source: Source, root: Root, place: Root) -> None:
    wanted = wanted_columns(config.data, config.features)
    raw = read_table(
        spark, source, config.data.source, wanted=wanted, check=lambda names: check_names(names, wanted)
    )
    check_types(raw, config.data, config.features)
    table = type_table(raw, config.data, config.features, split=config.split, seed=config.seed)
    found = _survey(config, table, raw)
    state = _fit(config, table, found)
    with scratch(root) as work:
        shards = shards_for(found.splits["train"])
        splits = write_rows(table, state, shards, work)
        _check_unchanged(spark, config, source, root, found=found, splits=splits)
        _write_documents(config, source, state, shards=shards, splits=splits, work=work)
        publish_once(work, place, MANIFEST)


def _survey(config: RunConfig, table: Table, raw: RawTable) -> TableStatistics:
    found = collect_statistics(table, median_columns(config.features))
    if found.bad:
        raise bad_rows_error(table, raw, multiline=config.data.source.multiline)
    check_values(found, config.data, config.features, config.split.fractions)
    return found


def _fit(config: RunConfig, table: Table, found: TableStatistics) -> FeatureState:
    task = infer_task(config.data, found.label)
    check_label(found, config.data, config.features, task)
    counts = count_values(table, category_limits(config.features), classes=task is not Task.REGRESSION)
    label = fit_label(config.data, config.features.target, found.label, task=task, classes=counts.classes)
    return fit_features(config.features, found.numeric, counts.categories, label)


def _check_unchanged(
    spark: SparkSession,
    config: RunConfig,
    source: Source,
    root: Root,
    *,
    found: TableStatistics,
    splits: Mapping[str, SplitEntry],
) -> None:
    """The three queries saw the same source."""
    again = open_source(spark, config.data.source, root)
    written = {name: entry.rows for name, entry in splits.items()}
    if again.fingerprint != source.fingerprint or written != found.splits:
        raise DataError(f"Source '{source.location}' changed while it was read. Run the job again.")


def _write_documents(
    config: RunConfig,
    source: Source,
    state: FeatureState,
    *,
    shards: int,
    splits: Mapping[str, SplitEntry],
    work: Root,
) -> None:
    """The documents beside the rows, the manifest last."""
    documents = {CONTRACT: contract_of(state).to_json(), FEATURES: state.to_json()}
    for name, text in documents.items():
        files.write_bytes(work.within(name), text.encode())
    manifest = Manifest(
        name=config.name,
        store_id=store_identity(config, source),
        source=source.fingerprint,
        config=config_fingerprint(config),
        shards=shards,
        splits=splits,
        documents={name: hashlib.sha256(text.encode()).hexdigest() for name, text in documents.items()},
    )
    files.write_bytes(work.within(MANIFEST), manifest.to_json().encode())
