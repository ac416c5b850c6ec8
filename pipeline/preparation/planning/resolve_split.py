"""Resolves the split: the columns that it needs, and cuts in time that are looked up in the data."""

from __future__ import annotations

import logging
from dataclasses import replace

from pipeline.config.data import DataConfig
from pipeline.config.split import FoldConfig, SplitConfig
from pipeline.config.timestamp import axis_position
from pipeline.preparation.reading.raw import RawTable
from pipeline.preparation.rows.split import TEST, VALIDATION, ResolvedSplit
from pipeline.preparation.rows.timestamps import TimeColumn, column_of, find_cuts, open_time
from pipeline.store.layout import SPLITS

log = logging.getLogger(__name__)


def needed_columns(config: SplitConfig | FoldConfig, data: DataConfig) -> tuple[str, ...]:
    """Columns of the source that a split or folds need besides features, label and key; each once."""
    strata = (config.by or (data.label,)) if config.method == "stratified" else ()
    time = (data.time,) if config.method == "time" and data.time else ()
    column = (config.column,) if isinstance(config, SplitConfig) and config.column else ()
    return tuple(dict.fromkeys((*data.group, *time, *strata, *column)))


def resolve_split(config: SplitConfig, data: DataConfig, raw: RawTable) -> ResolvedSplit:
    """Resolve the split; runs queries only for a split by time, where cuts or the kind of the column are open.

    Args:
        config: the split as configured.
        data: the roles of columns.
        raw: the columns that are read.

    Raises:
        ConfigError: the cuts do not fit the time column.
        DataError: the time column holds neither dates nor numbers, or too few of them.
    """
    split = ResolvedSplit(config.method, config.fractions, key=data.key, groups=data.group)
    match config.method:
        case "stratified":
            return replace(split, strata=config.by or (data.label,), bins=config.bins)
        case "column":
            assert config.column is not None and config.values is not None
            values = tuple(getattr(config.values, name) for name in SPLITS)
            return replace(split, column=config.column, values=values)
        case "time":
            assert data.time is not None
            columns = column_of(raw, data.time)
            kind = raw.kind(data.time)
            time = open_time(raw.scan, columns, kind, data.time, given=config.cuts, gap=config.gap)
            return replace(split, time=time, cuts=_cuts(config, raw, time), gap=config.extent)
    return split


def _cuts(config: SplitConfig, raw: RawTable, time: TimeColumn) -> tuple[tuple[int, float], ...]:
    configured = ((VALIDATION, config.validation_from), (TEST, config.test_from))
    if config.cuts:
        return tuple((index, axis_position(cut)) for index, cut in configured if cut is not None)
    shares, fractions = [], config.fractions
    if fractions.validation:
        shares.append((VALIDATION, fractions.train))
    if fractions.test:
        shares.append((TEST, 1.0 - fractions.test))
    if not shares:
        return ()
    timestamps, unit = find_cuts(raw.scan, column_of(raw, time.name), time, [share for _, share in shares])
    log.warning(
        "The splits by time are cut at %s, found in the rows with a precision of %s. Cuts move when rows are added; "
        "set split.validation_from and split.test_from to keep them.",
        " and ".join(time.text(timestamp) for timestamp in timestamps),
        unit,
    )
    return tuple((index, timestamp) for (index, _), timestamp in zip(shares, timestamps, strict=True))
