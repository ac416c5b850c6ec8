"""Score: any number of new rows through a published model, into a folder that appears when it is complete."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from pyspark.sql import SparkSession

from pipeline.config.data import BadRowsConfig
from pipeline.config.drift import DriftConfig
from pipeline.config.load import parse_config
from pipeline.config.run import RunConfig
from pipeline.config.score import ScoreConfig
from pipeline.config.yaml_loader import parse_yaml
from pipeline.errors import ConfigError
from pipeline.preparation.listing.source import Source, open_source
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.profile.drift_limits import enforce
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.rows.row_errors import bad_rows_error
from pipeline.preparation.writing.quarantine import QuarantinedRows, warn_of_quarantined, write_quarantine
from pipeline.runtime.progress import Progress, watch_spark
from pipeline.scoring.batches import Written, score_job, write_scored
from pipeline.scoring.draft import OutputDraft, check_writable, output_draft
from pipeline.scoring.publication import QUARANTINE, ScoreCard
from pipeline.scoring.rows import NewRows, open_new_rows
from pipeline.scoring.writing import check_format, convert
from pipeline.stages.context import Resources, open_stage, tracked
from pipeline.stages.prepare import find_store
from pipeline.stages.results.score import ScoreResult
from pipeline.stages.score_drift import drift_report, worst_drift
from pipeline.store.bundle import Bundle, open_bundle
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import model_folder
from pipeline.store.model import ModelCard
from pipeline.tracking.tracker import Tracker
from pipeline.training.spec import TrainingSpec

log = logging.getLogger(__name__)

SHORT_HASH = 12


def score(config: RunConfig, *, spark: SparkSession | None = None, progress: Progress | None = None) -> ScoreResult:
    """Score the rows that the section `score` names.

    Args:
        config: the experiment, as it was trained, or any that names a model in `score.model`.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        ConfigError: no source is given, or the output cannot be written as configured.
        DataError: columns are missing, too many rows cannot be scored, or drift exceeds a limit that stops the job.
        StoreError: the model is missing or was altered.
    """
    output = _output(config)
    if config.score.path is None and config.score.source is None:
        raise ConfigError("score.path is missing: the files to score. Add it, or score.source.")
    check_writable(output, replace=_replaces(config.score))
    with open_stage(config, "score", spark=spark, progress=progress) as opened:
        bundle = _find_model(opened, config)
        check_format(opened.spark, output, config.score.format)
        with tracked(opened, config) as resources:
            return score_source(resources, config.score, config.drift, bundle, output)


def score_source(
    resources: Resources, config: ScoreConfig, drift: DriftConfig, bundle: Bundle, output: StoragePath
) -> ScoreResult:
    """Score within an open job.

    Args:
        resources: the job's resources.
        config: which rows to score, and how they are written.
        drift: limits for drift from the training rows.
        bundle: the model.
        output: the folder to publish.
    """
    start = time.monotonic()
    version = f"{bundle.card.model_id}-{bundle.card.sha256[:SHORT_HASH]}"
    _log_model(resources.tracker, bundle.card, version)
    content = parse_yaml(bundle.config, f"The configuration of model {bundle.card.model_id} is")
    trained = parse_config(content, at_rest=True)
    source, opened = _open(resources, config, bundle, trained)
    with output_draft(output) as draft:
        scoring = time.monotonic()
        written = _write(resources, config, bundle, opened, draft, version=version)
        scoring_seconds = time.monotonic() - scoring
        aside = _set_aside(resources, config.bad_rows, opened, written, draft)
        report = drift_report(resources, config, bundle, opened, written, source.location)
        if report is not None:
            enforce(report, drift)  # before anything is published
        card = ScoreCard(
            model_version=version,
            model=bundle.file.uri,
            sha256=bundle.card.sha256,
            source=source.location,
            format=config.format,
            rows=written.total - written.bad,
            quarantined=written.bad,
        )
        draft.publish(written.names, card, set_aside=aside.names, replace=_replaces(config))
    if aside.reasons:
        warn_of_quarantined(aside.reasons, written.total, output.child(QUARANTINE))
    result = ScoreResult(
        output=output.uri,
        rows=card.rows,
        quarantined=card.quarantined,
        model_version=version,
        drift=worst_drift(report),
        rows_per_second=round(written.total / scoring_seconds, 1),
        seconds=time.monotonic() - start,
        run_id=resources.tracker.run_id,
    )
    _log_result(resources, result)
    return result


def _output(config: RunConfig) -> StoragePath:
    if config.score.output is not None:
        return storage_path(config.score.output)
    return storage_path(config.storage.root).child("scores", config.name)


def _replaces(config: ScoreConfig) -> bool:
    return config.mode == "overwrite"


def _find_model(resources: Resources, config: RunConfig) -> Bundle:
    """The model that `score.model` names, else the one that this configuration trained."""
    if config.score.model is not None:
        return open_bundle(storage_path(config.score.model))
    spec = TrainingSpec.of(config, find_store(resources, StoreSpec.of(config)).manifest.store_id)
    return open_bundle(model_folder(resources.root, spec.name, spec.model_id))


def _open(resources: Resources, request: ScoreConfig, bundle: Bundle, trained: RunConfig) -> tuple[Source, NewRows]:
    reading = request.source or trained.data.source.of_files(request.path or ())
    with watch_spark(resources.spark, resources.progress, "Reading the source"):
        joins = trained.data.joins if request.joins is None else request.joins
        source = open_source(resources.spark, reading, resources.root, joins)
        table = open_table(resources.spark, source, reading)
        for check in table.checks:
            check()
        return source, open_new_rows(table, bundle, trained, request, multiline=reading.multiline)


def _write(
    resources: Resources, request: ScoreConfig, bundle: Bundle, opened: NewRows, draft: OutputDraft, *, version: str
) -> Written:
    """Score, write and count the rows in one pass over the source."""
    job = score_job(opened, bundle, version, request.batch_rows)
    with watch_spark(resources.spark, resources.progress, "Scoring"):
        target = draft.rows if request.format == "parquet" else draft.parts
        written = write_scored(opened, job, target, draft.prefix)
        names = convert(
            resources.spark,
            written.names,
            job.schema,
            draft,
            request.format,
            escape_formulas=request.escape_formulas,
        )
    return replace(written, names=names)


def _set_aside(
    resources: Resources, bad_rows: BadRowsConfig, opened: NewRows, written: Written, draft: OutputDraft
) -> QuarantinedRows:
    """Quarantine the rows that could not be scored, or stop if there are too many."""
    if not written.bad:
        return QuarantinedRows()
    allowed = bad_rows.allowed(written.total)
    with watch_spark(resources.spark, resources.progress, "Collecting the rows that cannot be scored"):
        if written.bad > allowed:
            raise bad_rows_error(
                opened.scan,
                opened.program.inputs,
                opened.program.row_errors,
                total=written.total,
                bad=written.bad,
                allowed=allowed,
                setting="score.bad_rows.budget",
            )
        program = opened.program
        return write_quarantine(opened.scan, program.rows, program.row_errors, draft.aside, prefix=draft.prefix)


def _log_model(tracker: Tracker, card: ModelCard, version: str) -> None:
    tracker.set_tags(
        {"mlflow.runName": "score", "store_id": card.store_id, "model_id": card.model_id, "model_version": version}
    )


def _log_result(resources: Resources, result: ScoreResult) -> None:
    counts = {"score/rows": result.rows, "score/quarantined": result.quarantined}
    resources.tracker.log_metrics({**counts, "score/rows_per_second": result.rows_per_second})
    resources.progress.done(f"Scored {result.rows:,} rows ({result.rows_per_second:,.0f} rows/s) into {result.output}")
