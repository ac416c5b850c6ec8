"""Describe: a page about a source, before anything is configured."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from pipeline.config.run import RunConfig
from pipeline.preparation.description.described_columns import missing_label, reasons_of
from pipeline.preparation.description.table_description import describe_table
from pipeline.report.description_page import description_page
from pipeline.runtime.progress import Progress
from pipeline.stages.context import open_stage
from pipeline.stages.draft import survey_source
from pipeline.stages.profile import source_name
from pipeline.stages.results.draft import DescribeResult
from pipeline.store.filesystem import make_folder, storage_path, write_atomically


def describe(
    config: RunConfig,
    output: str | None = None,
    *,
    spark: SparkSession | None = None,
    progress: Progress | None = None,
) -> DescribeResult:
    """Write a page about the source of a configuration.

    Args:
        config: the source, and the label; an empty label is none.
        output: the file to write; None for `descriptions/NAME.html` below the storage root.
        spark: a session to work in; None opens one, or uses the live one.
        progress: where to show progress; None means standard error.

    Raises:
        DataError: the source cannot be read, or has no such label.
    """
    start = time.monotonic()
    label = config.data.label or None
    with open_stage(config, "describe", spark=spark, progress=progress) as resources:
        surveyed = survey_source(resources, config)
        if label is not None and label not in surveyed.names:
            raise missing_label(label, surveyed.names)
        table = describe_table(surveyed.survey, surveyed.names, label)
        root = resources.root
        page = storage_path(output) if output else root.child("descriptions", f"{config.name}.html")
        make_folder(page.folder)
        write_atomically(page, description_page(config.name, source_name(config.data.source), table, label).encode())
        resources.progress.done(f"Described {table.rows:,} rows of {len(table.columns)} columns: {page}")
    return DescribeResult(
        page=str(page),
        rows=table.rows,
        columns=len(table.columns),
        duplicates=table.duplicates,
        sample_rows=table.sample_rows,
        left_out=reasons_of(table.columns),
        seconds=time.monotonic() - start,
    )
