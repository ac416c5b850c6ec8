"""Prepare: from a source to a published store."""

from __future__ import annotations

import logging
import time

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.data.build import build_store
from pipeline.data.recipe import StoreRecipe
from pipeline.data.source import Source, open_source
from pipeline.runtime.progress import Progress
from pipeline.stages.context import StageContext, open_stage, tracked
from pipeline.stages.profile import report_profile
from pipeline.stages.results import PrepareResult
from pipeline.store.filesystem import Root
from pipeline.store.store import Store, is_published, open_store
from pipeline.store.table import contract_place, keep_contract, read_contract, read_table

log = logging.getLogger(__name__)


def prepare(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> PrepareResult:
    """Publish the store that a configuration describes, unless it is there already.

    Args:
        config: the experiment.
        spark: a session to work in; None opens one, or takes the live one.
        progress: where to show it; None means standard error.

    Raises:
        ConfigError: the configuration does not fit the source.
        DataError: the data is missing, unreadable, or not as configured; nothing is published then.
    """
    with open_stage(config, "prepare", spark=spark, progress=progress) as opened, tracked(opened) as stage:
        _, result = prepare_store(stage)
        rows = {f"rows.{split}": count for split, count in result.rows.items()}
        stage.tracker.log_params(rows)
        stage.tracker.set_tags({"store_id": result.store_id})
        return result


def prepare_store(stage: StageContext) -> tuple[Store, PrepareResult]:
    """The preparation itself, within an open job."""
    start = time.monotonic()
    recipe, source = recipe_of(stage)
    place = recipe.place(source, stage.root)
    reused = is_published(place)
    if not reused:
        build_store(stage.spark, recipe, source, root=stage.root, progress=stage.progress)
    store = open_store(place)
    if recipe.infers_contract:
        _keep_contract(stage, store)
    rows = store.manifest.rows
    shown = ", ".join(f"{split} {rows[split]:,}" for split in store.manifest.splits)
    stage.progress.done(f"{'Found' if reused else 'Prepared'} store {store.manifest.store_id}: {shown} rows")
    report_profile(stage, store)
    result = PrepareResult(
        store=place.uri,
        store_id=store.manifest.store_id,
        rows=rows,
        reused=reused,
        seconds=time.monotonic() - start,
        run_id=stage.tracker.run_id,
    )
    return store, result


def find_store(stage: StageContext) -> Store:
    """The store of a configuration, which must be there.

    Raises:
        StoreError: it was not prepared, or the source or the configuration changed since.
    """
    recipe, source = recipe_of(stage)
    return open_store(recipe.place(source, stage.root))


def recipe_of(stage: StageContext) -> tuple[StoreRecipe, Source]:
    """What the store is made of: the configuration, the contract and the source as they are now."""
    kept = _contract_place(stage)
    recipe = StoreRecipe.of(stage.config, None if kept is None else read_contract(kept))
    return recipe, open_source(stage.spark, recipe.data.source, stage.root)


def _contract_place(stage: StageContext) -> Root | None:
    return contract_place(stage.root, stage.config.name, stage.config.data.contract)


def _keep_contract(stage: StageContext, store: Store) -> None:
    """The first run leaves what it found for people to edit, and for later runs to enforce."""
    place, table = _contract_place(stage), read_table(store)
    if place is None or table is None:
        return
    if keep_contract(place, table.inferred_with(store.manifest.store_id), name=stage.config.name):
        log.info("Wrote the contract of the source, for later runs to enforce and for you to edit: %s", place.path)
