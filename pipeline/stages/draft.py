"""A configuration for a file and a label: surveys the source, and says what was chosen and why."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import SparkSession

from pipeline.config.load import merge
from pipeline.config.run import RunConfig
from pipeline.formatting import counted, listed
from pipeline.preparation.description.described_columns import reasons_of
from pipeline.preparation.description.draft import Draft, draft_of
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.feature_plan import AUTOMATIC_CATEGORIES
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.reading.survey import Survey, survey_table
from pipeline.runtime.progress import watch_spark
from pipeline.schemas.source_contract import DATES
from pipeline.stages.context import Resources, open_stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SurveyedSource:
    """A source that was surveyed.

    Attributes:
        names: names of all columns, in order.
        survey: of those whose names are unique.
    """

    names: tuple[str, ...]
    survey: Survey


def drafted_content(config: RunConfig, content: dict[str, Any], *, spark: SparkSession | None = None) -> dict[str, Any]:
    """The content of a configuration with everything that a survey of its source adds.

    Args:
        config: the least configuration, checked, with overlays and overrides.
        content: the least configuration itself.
        spark: a session to work in; None opens one, or uses the live one.

    Raises:
        DataError: the source cannot be read, or nothing can be learned from the label.
    """
    with open_stage(config, "draft", spark=spark) as resources:
        draft = draft_source(resources, config)
    added = draft.content
    if not config.features.is_automatic:
        del added["features"]
    log_draft(config, draft)
    return merge(content, added)


def draft_source(resources: Resources, config: RunConfig) -> Draft:
    """Survey the source of a configuration, and draft what else it may say."""
    surveyed = survey_source(resources, config)
    roles = [name for name in StoreSpec.of(config).roles if name != config.data.label]
    excluded = [name for name in surveyed.names if config.data.excludes(name)]
    draft = draft_of(surveyed.survey, surveyed.names, config.data, [*roles, *excluded])
    return replace(draft, settings={path: _given(config, path) or chosen for path, chosen in draft.settings.items()})


def _given(config: RunConfig, path: str) -> tuple[Any, str] | None:
    """A setting that an override gives, and so is not chosen here."""
    section, _, name = path.partition(".")
    part = getattr(config, section)
    return (getattr(part, name), "as given") if name in part.model_fields_set else None


def survey_source(resources: Resources, config: RunConfig) -> SurveyedSource:
    """Survey the source of a configuration, see `survey_table`."""
    with watch_spark(resources.spark, resources.progress, "Surveying the source"):
        source = open_source(resources.spark, config.data.source, resources.root, config.data.joins)
        opened = open_table(resources.spark, source, config.data.source)
        for check in opened.checks:
            check()
        table = opened.knowing([config.data.label] if config.data.label else [])
        names = tuple(name for name in table.names if name not in table.objects)
        return SurveyedSource(names, survey_table(table, [name for name in table.unique_names if name in names]))


def log_draft(config: RunConfig, draft: Draft) -> None:
    """Log each choice, with its reason."""
    log.info("Name: '%s', after the file.", config.name)
    label = next(column for column in draft.columns if column.use == "label")
    values = f"{counted(label.distinct, 'value')}, such as {listed(map(repr, label.examples))}"
    log.info("Task: %s, since the label '%s' has %s.", draft.task, label.name, values)
    if draft.key is not None:
        log.info("Key: '%s', by its name an identifier: rows of one key stay in one split.", draft.key)
    for path, (value, reason) in draft.settings.items():
        log.info("%s: %s, %s.", path, value, reason)
    if config.features.is_automatic:
        _log_features(draft)


def _log_features(draft: Draft) -> None:
    reasons = {
        "numeric": "numbers, scaled, with the median in place of missing ones",
        "categorical": f"texts, of which the {AUTOMATIC_CATEGORIES} most frequent values count",
        "dates": "dates, taken apart into year, month and weekday",
    }
    for use, reason in reasons.items():
        columns = draft.of_use(use)
        if columns:
            log.info("%s: %s (%s).", counted(len(columns), "column"), listed(column.name for column in columns), reason)
    for name, reason in reasons_of(draft.columns).items():
        log.warning("Column '%s' is left out: %s.", name, reason)
    dated = [column.name for column in draft.columns if column.type in DATES and column.use == "dates"]
    if dated:
        log.info(
            "Rows are divided by a hash. Where later rows are to be predicted, set data.time=%s and split.method=time.",
            dated[0],
        )
