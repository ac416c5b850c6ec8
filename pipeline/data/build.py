"""Building a store, from rows that lie somewhere to a folder that is published.

    read -> check names -> [query 1] check values -> [query 2] fit -> [query 3] transform and write -> publish

The source is gone through three times: for statistics, for counts of categories and classes (not where there are
neither), and to write. Nothing is written before the checks are done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pyspark.sql import SparkSession

from pipeline.contract.columns import contract_of
from pipeline.contract.features import FeatureState
from pipeline.contract.label import Task
from pipeline.data.check import check_label, check_names, check_types, check_values
from pipeline.data.diagnose import bad_rows_error
from pipeline.data.read import RawTable, read_table
from pipeline.data.recipe import StoreRecipe
from pipeline.data.source import Source, open_source
from pipeline.data.split import shards_for
from pipeline.data.table import Table, type_table
from pipeline.data.write import write_rows
from pipeline.errors import DataError
from pipeline.features.fit import category_limits, fit_features, median_columns
from pipeline.features.label import fit_label, infer_task
from pipeline.features.statistics import TableStatistics, collect_statistics
from pipeline.features.vocabulary import count_values
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import CONTRACT, FEATURES, MANIFEST
from pipeline.store.manifest import Manifest, SplitEntry
from pipeline.store.publish import publish_once, scratch


def build_store(spark: SparkSession, recipe: StoreRecipe, source: Source, *, root: Root, progress: Progress) -> None:
    """Publish the store of a recipe at `recipe.place(source, root)`.

    Raises:
        DataError: the data cannot be read, or is not as configured; nothing is published then.
    """
    with watch_spark(spark, progress, "Reading the source"):
        raw, table = _open_table(spark, recipe, source)
    with watch_spark(spark, progress, "Collecting statistics"):
        found = _survey(recipe, raw, table)
    with watch_spark(spark, progress, "Counting categories"):
        state = _fit(recipe, raw, table, found)
    with scratch(root) as work:
        shards = shards_for(found.splits["train"])
        with watch_spark(spark, progress, "Writing the store"):
            splits = write_rows(table, state, shards, work)
        _check_unchanged(spark, recipe, source, root=root, same_rows=_rows(splits) == found.splits)
        _write_documents(recipe, source, state, shards=shards, splits=splits, work=work)
        publish_once(work, recipe.place(source, root), MANIFEST)


def _open_table(spark: SparkSession, recipe: StoreRecipe, source: Source) -> tuple[RawTable, Table]:
    wanted = recipe.columns
    raw = read_table(spark, source, recipe.data.source, wanted=wanted, check=lambda names: check_names(names, wanted))
    check_types(raw, recipe.features)
    return raw, type_table(raw, recipe.data, recipe.features, split=recipe.split, seed=recipe.seed)


def _survey(recipe: StoreRecipe, raw: RawTable, table: Table) -> TableStatistics:
    found = collect_statistics(table, median_columns(recipe.features))
    if found.bad:
        raise bad_rows_error(table, raw, multiline=recipe.data.source.multiline)
    check_values(found, recipe.data, recipe.features, recipe.split.fractions)
    return found


def _fit(recipe: StoreRecipe, raw: RawTable, table: Table, found: TableStatistics) -> FeatureState:
    data, features = recipe.data, recipe.features
    task = infer_task(data, found.label)
    check_label(found, data, features, task)
    counts = count_values(table, category_limits(features), classes=task is not Task.REGRESSION)
    label = fit_label(data, features.target, found.label, task=task, classes=counts.classes)
    return fit_features(features, found.numeric, counts.categories, label, null_values=raw.markers)


def _rows(splits: Mapping[str, SplitEntry]) -> dict[str, int]:
    return {name: entry.rows for name, entry in splits.items()}


def _check_unchanged(spark: SparkSession, recipe: StoreRecipe, source: Source, *, root: Root, same_rows: bool) -> None:
    """The three queries saw the same source."""
    again = open_source(spark, recipe.data.source, root)
    if again.fingerprint != source.fingerprint or not same_rows:
        raise DataError(f"Source '{source.location}' changed while it was read. Run the job again.")


def _write_documents(
    recipe: StoreRecipe,
    source: Source,
    state: FeatureState,
    *,
    shards: int,
    splits: Mapping[str, SplitEntry],
    work: Root,
) -> None:
    """The documents beside the rows, the manifest last."""
    documents = {CONTRACT: contract_of(state).to_json().encode(), FEATURES: state.to_json().encode()}
    for name, content in documents.items():
        files.write_bytes(work.within(name), content)
    manifest = Manifest(
        name=recipe.name,
        store_id=recipe.store_id(source),
        source=source.fingerprint,
        config=recipe.fingerprint,
        shards=shards,
        splits=splits,
        documents={name: hashlib.sha256(content).hexdigest() for name, content in documents.items()},
    )
    files.write_bytes(work.within(MANIFEST), manifest.to_json().encode())
