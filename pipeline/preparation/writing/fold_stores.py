"""Writing what the folds of a cross-validation read: rows once for each division, and a store for each fold.

    open -> divide -> [pass 1] statistics and counts by group -> fit all -> [pass 2] write -> audit

Nothing that a fold learned is in the rows: they hold numbers as they are and ids of a vocabulary of all folds together
(`kinds/unscaled.py`). A fold's store has documents only, and a manifest that lists the files of its groups; the feed
applies the fold's features. So k folds cost about as much as one store, and are equal to k stores that were each
prepared by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt
from pyspark.sql import SparkSession

from pipeline.arrays.values import finite_numbers, numbers_of
from pipeline.config.split import FoldConfig
from pipeline.errors import ConfigError, DataError, gather
from pipeline.kinds.mapped.sums import fold_of_row
from pipeline.kinds.plan import FeaturePlan
from pipeline.kinds.state import FeatureState, contract_of
from pipeline.kinds.unscaled import Unscaled
from pipeline.preparation.audit.fold_audit import audit_of_division, checks_of_division, periods
from pipeline.preparation.audit.leak_audit import Audit, report_audit
from pipeline.preparation.fitting.fit_features import fit_folds
from pipeline.preparation.listing.source import Source, check_unchanged
from pipeline.preparation.planning.open_dataset import Opened, open_rows
from pipeline.preparation.planning.resolve_folds import resolve_folds
from pipeline.preparation.planning.store_spec import STORE_ID_LENGTH, StoreRecipe
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.rows.fold_placement import FoldPlacement, FoldPlan, group_of_split
from pipeline.preparation.rows.fold_roles import Division, Fold
from pipeline.preparation.rows.folds import FoldUse, divisions, fold_problems
from pipeline.preparation.rows.label_values import label_value
from pipeline.preparation.rows.partitions import partition_folder
from pipeline.preparation.rows.split import LEFT_OUT, QUARANTINED, TEST, TRAIN, needed_columns, shards_for
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.survey.column_statistics import Measured, regrouped
from pipeline.preparation.survey.dataset_statistics import Survey, SurveyQuery, check_budget, query_of
from pipeline.preparation.survey.strata import count_strata, strata_problems
from pipeline.preparation.writing.quarantine import QUARANTINE, tell_quarantined, write_bad_rows
from pipeline.preparation.writing.sampling import copies_of
from pipeline.preparation.writing.store_columns import feature_columns
from pipeline.preparation.writing.stored_rows import Filing, StoredRows, filing_of
from pipeline.preparation.writing.write_rows import ROWS_PER_GROUP, write_groups
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.schemas.audit import Check, LeakAudit
from pipeline.schemas.document import fingerprint
from pipeline.store.documents import write_documents
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import (
    AUDIT,
    CONTRACT,
    FEATURES,
    FOLDS,
    MANIFEST,
    SPLITS,
    UNSCALED,
    fold_store,
    group_folder,
    store_folder,
)
from pipeline.store.manifest import FoldsManifest, Manifest, SplitEntry
from pipeline.store.publish import draft, scratch

ROWS_PER_FILE = ROWS_PER_GROUP // 2
"""About so many at least. A file of some 4,000 rows costs as much processor time for itself as for its rows."""
FEWEST_SHARDS = 4
"""Which are not given up for that: they are the most ranks that can train on the folds."""
MOST_STORES = 2000
"""Of a cross-validation: each is a folder of documents, and all are fitted together."""
MOST_FILES = 2048
"""Of a division: its groups are spread over fewer shards where they would have more."""


@dataclass(frozen=True)
class FoldsRecipe:
    """How the stores of a cross-validation are made.

    Attributes:
        recipe: of a store of all rows.
        folds: how its training and validation rows are divided.
        use: what the folds are for, see `divisions`.
    """

    recipe: StoreRecipe
    folds: FoldConfig
    use: FoldUse = "measure"

    def store_id(self, source: Source) -> str:
        """What the folder of all folds is called: it changes with everything that shapes them."""
        return fingerprint([self.recipe.store_id(source), self._content, self.use])[:STORE_ID_LENGTH]

    def folds_id(self, source: Source, plan: FeaturePlan) -> str:
        """Equal where the folds have the same rows, whatever features are made of them.

        Without a key and a group a row is known by the columns that are used, and these tell its fold.
        """
        recipe = self.recipe
        known = recipe.data.key or recipe.data.group
        columns = [] if known else sorted([column.name, column.type] for column in plan.raw)
        roles = recipe.data.identity(include={"label", "key", "time", "group", "filter"})
        split = recipe.split.identity()
        return fingerprint([source.fingerprint, recipe.seed, roles, split, self._content, columns])[:STORE_ID_LENGTH]

    def place(self, source: Source, root: StoragePath) -> StoragePath:
        """Where the folds are published."""
        return store_folder(root, self.recipe.name, self.store_id(source))

    @property
    def validation(self) -> float:
        """The share of the rows that a fold trains on, by which its training ends."""
        fractions = self.recipe.split.fractions
        return fractions.validation / (fractions.train + fractions.validation)

    @property
    def _content(self) -> object:
        return self.folds.identity(include=set(FoldConfig.model_fields))


def build_folds(
    spark: SparkSession, recipe: FoldsRecipe, source: Source, *, root: StoragePath, progress: Progress
) -> None:
    """Publish the stores of all folds at `recipe.place(source, root)`.

    Raises:
        ConfigError: the configuration does not fit the source.
        DataError: the data cannot be read, or is not as configured; nothing is published then.
    """
    with scratch(root) as landing:
        _build(spark, recipe, source, landing, root=root, progress=progress)


def _build(
    spark: SparkSession,
    recipe: FoldsRecipe,
    source: Source,
    landing: StoragePath,
    *,
    root: StoragePath,
    progress: Progress,
) -> None:
    store = recipe.recipe
    if store.data.sampling.method != "none":
        raise ConfigError(
            "data.sampling does not go with a cross-validation. Leave it out; train.class_weights has the same effect."
        )
    with watch_spark(spark, progress, "Reading the source"):
        opened, plan = _opened(spark, recipe, source, landing)
    with draft(root, recipe.place(source, root), FOLDS) as whole:
        work = whole.folder
        made: list[_Fitted] = []
        checks: list[Check] = []
        for number, division in enumerate(_bounded(divisions(plan, recipe.use))):
            _check_strata(opened.table, plan, division)
            with partition_folder(root, division.used[-1] + 1) as partitions:
                folds, found = _divided(recipe, opened, plan, division, number, work, partitions, progress)
            made += folds
            checks += found
        same_rows = all(fold.written == fold.whole.splits["train"] for fold in made)
        check_unchanged(spark, store.data.source, source, root, same_rows=same_rows)
        reasons = write_bad_rows(opened.table, work) if made[0].whole.bad else {}
        manifest, audit = _manifest(recipe, source, opened, plan, made), _audit(plan, made[0].whole, checks)
        _write_documents(manifest, store.fingerprint, made, audit, work)
        whole.publish(manifest.to_json().encode())
    if reasons:
        tell_quarantined(reasons, made[0].whole.rows, recipe.place(source, root).child(QUARANTINE))


def _bounded(found: Sequence[Division]) -> Sequence[Division]:
    """Divisions that do not make too many stores: k nested folds have about k^2."""
    count = sum(len(division.folds) for division in found)
    if count <= MOST_STORES:
        return found
    raise ConfigError(
        f"This cross-validation needs {count:,} folds, those within folds included. Allowed: {MOST_STORES:,}. Take "
        "fewer folds or repeats, method group in place of leave_one_group_out, or search.crossval: false."
    )


@dataclass(frozen=True)
class _Fitted:
    """A fold, fitted, and the files of its rows.

    Attributes:
        name: of the fold.
        whole: of all rows.
        state: its features.
        unscaled: what its files hold.
        shards: virtual ones.
        splits: its files.
        written: rows in the files of all folds of its division.
    """

    name: str
    whole: Survey
    state: FeatureState
    unscaled: Unscaled
    shards: int
    splits: Mapping[str, SplitEntry]
    written: int


def _opened(spark: SparkSession, recipe: FoldsRecipe, source: Source, landing: StoragePath) -> tuple[Opened, FoldPlan]:
    """The source, and each of its rows with its groups."""
    store = recipe.recipe
    needed = needed_columns(recipe.folds, store.data)
    opened = open_rows(store, open_table(spark, source, store.data.source), more=needed, landing=landing)
    plan = resolve_folds(recipe.folds, store.data, opened.table)
    placement = FoldPlacement(plan, store.seed, recipe.validation)
    program = replace(opened.table.program, folds=placement)
    return replace(opened, table=replace(opened.table, program=program)), plan


def _divided(
    recipe: FoldsRecipe,
    opened: Opened,
    plan: FoldPlan,
    division: Division,
    number: int,
    work: StoragePath,
    partitions: StoragePath | None,
    progress: Progress,
) -> tuple[list[_Fitted], tuple[Check, ...]]:
    """All folds of a division, in two passes, and what its audit found."""
    what, spark = "" if number == 0 else f", division {number + 1}", opened.table.scan.spark
    groups = division.used[-1] + 1
    with watch_spark(spark, progress, f"Collecting statistics of all folds{what}"):
        query = query_of(recipe.recipe, opened)
        gathered = query.gather(division, partitions)
        found = gathered.moments
        whole = query.survey(regrouped(found, _everything(found)))
        check_budget(recipe.recipe, opened, whole)
        surveys = _surveys(query, found, division)
    table = replace(opened.table, partitions=gathered.partitions)
    opened = replace(opened, table=table)
    with watch_spark(spark, progress, f"Fitting features of all folds{what}"):
        fitted = fit_folds(recipe.recipe, opened, whole, surveys, gathered, division)
    states = [fold.state for fold in fitted]
    shards = _shards(whole, [survey for fold, survey in zip(division.folds, surveys, strict=True) if fold.test], groups)
    unscaled = _unscaled(states)
    with watch_spark(spark, progress, f"Writing the rows of all folds{what}"):
        folders = [group_folder(number, group) for group in range(groups)]
        total, level = whole.splits["train"], recipe.recipe.data.audit
        audit = audit_of_division(opened, plan, division, total=total, level=level)
        filing = filing_of(folders, shards, unscaled.columns, total // groups)
        stored = _stored(unscaled, states[0], division, filing, table.seed, audit)
        written = write_groups(table, stored, work)
    entries = [written.groups[folder] for folder in folders]
    rows = sum(entry.rows for entry in entries)
    made = [
        _Fitted(fold.name, whole, state, unscaled, shards, _splits(fold, entries), rows)
        for fold, state in zip(division.folds, states, strict=True)
    ]
    return made, checks_of_division(audit, written.things, plan, number)


def _shards(whole: Survey, measured: Sequence[Survey], groups: int) -> int:
    """Virtual shards of the folds: as many as of a store, unless files would be too many or too small.

    Args:
        whole: of all rows.
        measured: of the folds that are measured; those that choose within them have fewer rows, and follow.
        groups: of rows.
    """
    rows = whole.splits["train"]
    shards = shards_for(min((survey.splits["train"] for survey in measured), default=rows))
    while shards > FEWEST_SHARDS and rows < groups * shards * ROWS_PER_FILE:
        shards //= 2
    while shards > 1 and groups * shards > MOST_FILES:
        shards //= 2
    return shards


def _check_strata(table: Table, plan: FoldPlan, division: Division) -> None:
    """Every stratum has rows in every fold; two more queries, for `crossval.method: stratified`."""
    if not plan.strata:
        return
    counts = count_strata(
        table, plan.strata, lambda rows: rows.places.of(division.column) // 2, parts=plan.folds, bins=plan.bins
    )
    problems = strata_problems(counts, {fold: f"fold {fold}" for fold in range(plan.folds)})
    if problems:
        raise DataError(gather("Some strata are too small to be divided into folds", problems))


def _everything(found: Measured) -> dict[int, tuple[int, int]]:
    """The split of each group, as if there were no folds."""
    others = {group_of_split(split): (split, 1) for split in (TEST, LEFT_OUT, QUARANTINED)}
    groups = {group for column in found.values() for group in column if group >= 0}
    return {**dict.fromkeys(groups, (TRAIN, 1)), **others}


def _surveys(query: SurveyQuery, found: Measured, division: Division) -> list[Survey]:
    surveys = [query.survey(regrouped(found, fold.roles)) for fold in division.folds]
    splits = [survey.splits for survey in surveys]
    undecided = max((groups[-1].rows for groups in found.values() if -1 in groups), default=0)
    if problems := fold_problems([*zip(division.folds, splits, strict=True)], undecided):
        raise DataError(gather("The rows cannot be divided into these folds", problems))
    return surveys


def _unscaled(states: Sequence[FeatureState]) -> Unscaled:
    """What the rows must hold for all folds: every number, and every text that one of them knows."""
    numbers = dict.fromkeys(feature.source for state in states for feature in state.of_numbers)
    texts: dict[str, Any] = {}
    for feature in (feature for state in states for feature in state.of_texts):
        texts[feature.name] = feature.shared(texts.get(feature.name))
    return Unscaled(
        numbers=tuple(numbers),
        texts=tuple(texts.values()),
        task=states[0].label.task,
        has_parts=any(feature.out_of_fold for state in states for feature in state.features),
        weighted=states[0].weight is not None,
    )


def _stored(
    unscaled: Unscaled,
    state: FeatureState,
    division: Division,
    filing: Filing,
    seed: int,
    audit: Audit,
) -> StoredRows:
    """The columns of `unscaled`."""
    return StoredRows(
        columns=lambda rows: _unscaled_columns(unscaled, state, rows, seed),
        types=unscaled.columns,
        group=lambda rows: rows.places.of(division.column),
        filing=filing,
        copies=lambda rows: copies_of(rows, None, seed),
        sampled=False,
        group_rows=ROWS_PER_GROUP,
        audit=audit,
    )


def _unscaled_columns(unscaled: Unscaled, state: FeatureState, rows: Rows, seed: int) -> dict[str, npt.NDArray[Any]]:
    """[n] each, by name, in the order of `unscaled`."""
    joint = state.model_copy(update={"numeric": (), "categorical": unscaled.texts})
    values, typed = rows.typed.values, rows.typed
    columns: list[npt.NDArray[Any]] = [finite_numbers(values[name]) for name in unscaled.numbers]
    columns += feature_columns(joint, values).values()
    columns += [fold_of_row(seed, rows.places.row_id)] if unscaled.has_parts else []
    columns.append(label_value(state.label, typed))
    columns += [numbers_of(typed.weight)] if unscaled.weighted else []
    columns.append(rows.places.row_id)
    return dict(zip(unscaled.columns, columns, strict=True))


def _splits(fold: Fold, entries: Sequence[SplitEntry]) -> dict[str, SplitEntry]:
    """The files of each split; those of a group that counts several times stand there as often."""
    groups: dict[str, list[SplitEntry]] = {name: [] for name in SPLITS}
    for group, (split, times) in sorted(fold.roles.items()):
        if group < len(entries):
            groups[SPLITS[split]] += [entries[group]] * times
    return {name: _together(own) for name, own in groups.items()}


def _together(entries: Sequence[SplitEntry]) -> SplitEntry:
    own = sorted((file for entry in entries for file in entry.files), key=lambda file: (file.shard, file.path))
    return SplitEntry(rows=sum(file.rows for file in own), files=tuple(own))


def _audit(plan: FoldPlan, whole: Survey, checks: Sequence[Check]) -> LeakAudit:
    """Logged, and of all divisions."""
    rows = {"divided": whole.splits["train"], "apart": whole.splits["test"]}
    cuts = periods(plan)
    audit = LeakAudit(method=plan.method, rows=rows, left_out=whole.left_out, cuts=cuts, checks=tuple(checks))
    report_audit(audit)
    return audit


def _manifest(
    recipe: FoldsRecipe, source: Source, opened: Opened, plan: FoldPlan, made: Sequence[_Fitted]
) -> FoldsManifest:
    whole = made[0].whole
    return FoldsManifest(
        name=recipe.recipe.name,
        store_id=recipe.store_id(source),
        folds_id=recipe.folds_id(source, opened.plan),
        source=source.fingerprint,
        method=plan.method,
        folds=plan.folds,
        repeats=plan.repeats,
        rows=whole.splits["train"],
        quarantined=whole.bad,
        left_out=whole.left_out,
        apart=whole.splits["test"],
        names=tuple(fold.name for fold in made),
    )


def _write_documents(
    manifest: FoldsManifest, config: str, made: Sequence[_Fitted], audit: LeakAudit, work: StoragePath
) -> None:
    """The documents of each fold, and the audit."""
    for fold in made:
        _write_fold(manifest, config, fold, work.child(fold.name))
    write_documents(work, {AUDIT: audit})


def _write_fold(folds: FoldsManifest, config: str, fold: _Fitted, place: StoragePath) -> None:
    documents = {CONTRACT: contract_of(fold.state), FEATURES: fold.state, UNSCALED: fold.unscaled}
    manifest = Manifest(
        name=folds.name,
        store_id=fold_store(folds.store_id, fold.name),
        source=folds.source,
        config=config,
        shards=fold.shards,
        splits=fold.splits,
        documents=write_documents(place, documents),
        base="..",
    )
    write_documents(place, {MANIFEST: manifest})
