"""Builds a store, from the rows of a source to a published folder.

    open -> plan -> [pass 1] statistics and counts -> fit -> [pass 2] write -> audit -> publish

Some features need one more pass between the two, see `preparation/fitting/features.py`. Passes after the first read the
rows that it kept (`rows/partitions.py`), or the source again where it could not. No file of the store is written before
the rows are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession

from pipeline.kinds.fitted_features import FittedFeatures, store_schema_of
from pipeline.preparation.audit.leak_audit import audit_of, report_audit
from pipeline.preparation.audit.store_audit import audit_store
from pipeline.preparation.fitting.fit_features import fit_features
from pipeline.preparation.listing.source import Source, check_unchanged
from pipeline.preparation.planning.open_dataset import open_dataset
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.profile.store_profile import WrittenStore, profile_store
from pipeline.preparation.rows.partitions import partition_folder
from pipeline.preparation.rows.split import shards_for
from pipeline.preparation.statistics.checked_statistics import checked_statistics
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.statistics.source_contract import contract_to_keep
from pipeline.preparation.writing.quarantine import QUARANTINE, warn_of_quarantined, write_bad_rows
from pipeline.preparation.writing.sampling import Sampling, count_sampled, plan_sampling, with_counts
from pipeline.preparation.writing.write_rows import write_rows
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.schemas.audit import LeakAudit
from pipeline.schemas.document import Document
from pipeline.schemas.profile import DataProfile
from pipeline.schemas.source_contract import SourceContract
from pipeline.store.documents import write_documents
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import AUDIT, CONTRACT, FEATURES, MANIFEST, PROFILE, TABLE
from pipeline.store.manifest import Manifest, Sampled, SplitEntry
from pipeline.store.publish import draft, scratch


@dataclass(frozen=True)
class _Stored:
    """The written rows of a store: number of virtual shards, files by split, and class counts of sampling."""

    shards: int
    splits: Mapping[str, SplitEntry]
    sampled: Sampled | None


def build_store(
    spark: SparkSession, store_spec: StoreSpec, source: Source, *, root: StoragePath, progress: Progress
) -> None:
    """Publish a store at `store_spec.folder(source, root)`.

    Raises:
        ConfigError: the configuration does not fit the source.
        DataError: the data cannot be read, or is not as configured; nothing is published then.
    """
    folder = store_spec.folder(source, root)
    with scratch(root) as staging, partition_folder(root) as partitions, draft(root, folder, MANIFEST) as store:
        with watch_spark(spark, progress, "Reading the source"):
            opened = open_dataset(spark, store_spec, source, staging)
        with watch_spark(spark, progress, "Collecting statistics"):
            statistics, collected = checked_statistics(store_spec, opened, partitions)
        table = replace(opened.table, partitions=collected.partitions)
        with watch_spark(spark, progress, "Fitting features"):
            fitted = fit_features(store_spec, replace(opened, table=table), statistics, collected)
        features, work = fitted.features, store.folder
        sampling = plan_sampling(store_spec.data.sampling, features.label)
        train = statistics.splits["train"] if sampling is None else sampling.rows
        shards, most = shards_for(train), max(train, *statistics.splits.values())
        audit = audit_of(table.split, sum(statistics.splits.values()), store_spec.data.audit)
        with watch_spark(spark, progress, "Writing the store"):
            written = write_rows(table, features, shards, work, rows=most, audit=audit, sampling=sampling)
            reasons = write_bad_rows(opened.table, work) if statistics.bad else {}
        sampled = None if sampling is None else count_sampled(sampling, written.groups["train"], work)
        stored, features = _Stored(shards, written.groups, sampled), with_counts(features, sampled)
        leaks = audit_store(
            audit,
            written.units,
            statistics,
            contract=store_schema_of(features),
            train=written.groups["train"],
            work=work,
            task=features.label.task,
        )
        profile = profile_store(
            WrittenStore(fitted.features, written.groups, work, fitted.limits), statistics, fitted.counts
        ).model_copy(update={"unused": opened.left_out})
        check_unchanged(spark, store_spec.data.source, source, root, same_rows=_same_rows(statistics, stored, sampling))
        kept = contract_to_keep(store_spec, opened, statistics, features)
        documents = _documents(features, leaks, profile, kept)
        manifest = _manifest(
            store_spec, source, statistics, reasons, stored=stored, documents=write_documents(work, documents)
        )
        store.publish(manifest.to_json().encode())
    if reasons:
        warn_of_quarantined(reasons, statistics.rows, folder.child(QUARANTINE))


def _same_rows(statistics: DatasetStatistics, stored: _Stored, sampling: Sampling | None) -> bool:
    """Whether as many rows were written as were counted, sampling aside."""
    rows, sampled = {name: entry.rows for name, entry in stored.splits.items()}, stored.sampled
    if sampling is None or sampled is None:
        return rows == statistics.splits
    return {**rows, "train": sum(sampled.before.values())} == statistics.splits and sampling.allows(sampled)


def _documents(
    features: FittedFeatures, audit: LeakAudit, profile: DataProfile, table: SourceContract | None
) -> dict[str, Document]:
    """The documents beside the rows, by name; logs the audit's warnings, and raises its errors."""
    report_audit(audit)
    contents: dict[str, Document] = {
        CONTRACT: store_schema_of(features),
        FEATURES: features,
        AUDIT: audit,
        PROFILE: profile,
    }
    if table is not None:
        contents[TABLE] = table
    return contents


def _manifest(
    store_spec: StoreSpec,
    source: Source,
    statistics: DatasetStatistics,
    reasons: Mapping[str, int],
    *,
    stored: _Stored,
    documents: Mapping[str, str],
) -> Manifest:
    """The manifest, which is the last file of a store to be written."""
    return Manifest(
        name=store_spec.name,
        store_id=store_spec.store_id(source),
        source=source.fingerprint,
        config=store_spec.fingerprint,
        shards=stored.shards,
        splits=stored.splits,
        documents=documents,
        quarantined=statistics.bad,
        reasons=reasons,
        left_out=statistics.left_out,
        sampled=stored.sampled,
    )
