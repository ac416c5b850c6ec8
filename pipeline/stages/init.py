"""Init: writes a first configuration for a file, to be read and edited."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.errors import ConfigError
from pipeline.formatting import counted, listed
from pipeline.preparation.description.described_columns import describe_columns, reasons_of
from pipeline.preparation.description.draft import label_candidates
from pipeline.report.experiment_file import experiment_file
from pipeline.runtime.progress import Progress
from pipeline.stages.context import open_stage
from pipeline.stages.draft import draft_source, log_draft, survey_source
from pipeline.stages.results.draft import InitResult

log = logging.getLogger(__name__)


def init(
    config: RunConfig,
    output: str | None = None,
    *,
    force: bool = False,
    spark: SparkSession | None = None,
    progress: Progress | None = None,
) -> InitResult:
    """Write a configuration for the source and the label of a least one.

    Args:
        config: the source, and the label; an empty label only lists the columns that may be meant.
        output: the file to write; None for `conf/NAME.yaml`.
        force: whether an existing file is overwritten.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        ConfigError: there is no label, or the file exists.
        DataError: the source cannot be read, or nothing can be learned from the label.
    """
    start = time.monotonic()
    file = Path(output or f"conf/{config.name}.yaml")
    if file.exists() and not force:
        raise ConfigError(f"'{file}' exists. Allowed: a new file. Add --force to overwrite it, or give --output.")
    with open_stage(config, "init", spark=spark, progress=progress) as resources:
        if not config.data.label:
            surveyed = survey_source(resources, config)
            columns = describe_columns(surveyed.survey, surveyed.names, label=None)
            shown = [
                f"{column.name} ({counted(column.distinct, 'value')}: {listed(column.examples)})"
                for column in label_candidates(columns)
            ]
            raise ConfigError(
                f"No label is given: the column to predict. It may be {listed(shown) or 'none of the columns'}. "
                "Add --label COLUMN."
            )
        draft = draft_source(resources, config)
        log_draft(config, draft)
        _write(file, experiment_file(config, draft, str(file)))
        resources.progress.done(f"Wrote '{file}'. Read it, edit it, then run: python jobs/run.py --config {file}")
    return InitResult(
        config=str(file),
        rows=draft.rows,
        features=tuple(column.name for use in ("numeric", "categorical", "dates") for column in draft.of_use(use)),
        left_out=reasons_of(draft.columns),
        seconds=time.monotonic() - start,
    )


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"'{file}' cannot be written: {error.strerror}. Give --output another file.") from error
