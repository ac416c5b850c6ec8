"""The profile of a store that was just written.

It costs no further pass over the source: counts and moments come from the statistics, counts of texts from the
vocabularies' query, and quantiles and histograms from a sample of the store's own files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.arrays.moments import ColumnStatistics, rounded
from pipeline.arrays.values import Values
from pipeline.kinds.feature import NumberFeature, TextFeature
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.profile.bins import bins_of, histogram_of
from pipeline.preparation.profile.drift import drift_of_split
from pipeline.preparation.profile.store_sample import (
    StoredValues,
    in_threads,
    is_missing,
    number_features,
    rank_error,
    read_values,
)
from pipeline.preparation.statistics.dataset_statistics import DatasetStatistics
from pipeline.preparation.statistics.value_counts import Counts
from pipeline.schemas.drift import DriftReport
from pipeline.schemas.profile import (
    QUANTILES,
    Bins,
    DataProfile,
    Histogram,
    NumberProfile,
    Summary,
    TextProfile,
    ValueCount,
)
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.store.filesystem import StoragePath
from pipeline.store.layout import SPLITS
from pipeline.store.manifest import SplitEntry

TOP_VALUES = 20


@dataclass(frozen=True)
class WrittenStore:
    """A store that was just written.

    Attributes:
        features: its features, with the class counts of training rows before sampling.
        splits: the files of each split.
        folder: the folder of the store.
        limits: the most values that were counted of each text.
    """

    features: FittedFeatures
    splits: Mapping[str, SplitEntry]
    folder: StoragePath
    limits: Mapping[str, int]


def profile_store(written: WrittenStore, statistics: DatasetStatistics, counts: Counts) -> DataProfile:
    """Describe the rows of a store, which must have training rows.

    Args:
        written: the store.
        statistics: statistics of all rows.
        counts: counts of texts in training rows, and of classes.
    """
    features = written.features
    summaries, feature_of_number = _summaries(features, statistics), number_features(features)
    samples = {
        split: read_values(
            entry,
            written.folder,
            features,
            {name: of[split] for name, of in summaries.items()},
            classes=features.label.counts if entry.rows != statistics.splits[split] else (),
        )
        for split, entry in written.splits.items()
        if entry.rows
    }
    train = samples["train"]

    def number_of(name: str) -> NumberProfile:
        return _number(name, features, feature_of_number.get(name), summaries[name], train)

    profile = DataProfile(
        rows=statistics.splits,
        quarantined=statistics.bad,
        left_out=statistics.left_out,
        label=_label(features, statistics, counts, train),
        numbers=tuple(in_threads(number_of, summaries)),
        texts=tuple(_text(feature, statistics, written, counts, train) for feature in features.of_texts),
        sample_rows=train.rows,
        rank_error=rank_error(train.rows) if train.rows < statistics.splits["train"] else 0.0,
    )

    def drift_of(split: str) -> DriftReport:
        of_split = {name: of[split] for name, of in summaries.items()}
        return drift_of_split(profile, features, of_split, samples[split], data=split)

    reports = in_threads(drift_of, [split for split in samples if split != "train"])
    return profile.model_copy(update={"drift": tuple(reports)})


def _summaries(features: FittedFeatures, statistics: DatasetStatistics) -> dict[str, dict[str, Summary]]:
    """Summaries by split of each number that features use, raw ones first."""
    names = [column.name for column in features.raw if column.type == "number"]
    names += [column.name for column in features.derived if column.name in statistics.columns]
    return {
        name: {
            split: _summary(statistics.columns[name].get(index, ColumnStatistics()))
            for index, split in enumerate(SPLITS)
        }
        for name in names
    }


def _summary(statistics: ColumnStatistics) -> Summary:
    moments = statistics.moments.rounded()
    return Summary(
        rows=statistics.rows,
        nulls=statistics.nulls,
        not_finite=statistics.not_finite,
        zeros=moments.zeros,
        low=moments.low,
        high=moments.high,
        mean=moments.mean,
        std=None if moments.std is None else rounded(moments.std),
    )


def _number(
    name: str,
    features: FittedFeatures,
    feature: NumberFeature | None,
    splits: Mapping[str, Summary],
    train: StoredValues,
) -> NumberProfile:
    derived = any(column.name == name for column in features.derived)
    profile = NumberProfile(name=name, derived=derived, splits=splits)
    if feature is None:
        return profile.model_copy(update={"note": "used by derived columns only, its values are not in the store"})
    if feature.keeps_values:
        return profile.model_copy(update=_described(train.numbers[name]) | {"note": _clip_note(feature)})
    bins = Bins(edges=feature.edges, counts=train.intervals[name])
    low, high = splits["train"].low, splits["train"].high
    ends = (0.0, 0.0)
    if low is not None and high is not None:  # a column of one value has no edges
        ends = min((low, *feature.edges)), max((high, *feature.edges))
    histogram = Histogram(edges=(ends[0], *feature.edges, ends[1]), counts=bins.counts)
    return profile.model_copy(update={"bins": bins, "histogram": histogram, "note": "stored as intervals"})


def _described(values: Values) -> dict[str, object]:
    """The fields of a profile that are computed from values."""
    if not len(values):
        return {}
    return {
        "distinct": len(np.unique(values)),
        "quantiles": tuple(np.quantile(values, QUANTILES).tolist()),
        "histogram": histogram_of(values),
        "bins": bins_of(values),
    }


def _clip_note(feature: NumberFeature) -> str:
    if not feature.is_clipped:
        return ""
    low, high = feature.bounds
    shown = ("" if low is None else f"below {low:g}", "" if high is None else f"above {high:g}")
    return f"values {' and '.join(filter(None, shown))} are clipped; so are the quantiles and bins shown"


def _text(
    feature: TextFeature, statistics: DatasetStatistics, written: WrittenStore, counts: Counts, train: StoredValues
) -> TextProfile:
    rows = statistics.splits["train"]
    if not feature.has_vocabulary:
        return _uncounted(feature, rows, train)
    counted = dict(counts.categories.get(feature.name, ()))
    multiple = feature.separator is not None
    complete = len(counted) <= written.limits[feature.name]
    if multiple:
        counted[NULL_TOKEN] = statistics.without_values[feature.name]
        rows = sum(counted.values())
    nulls = counted.pop(NULL_TOKEN, 0)
    in_vocabulary = sum(counted.get(value, 0) for value in feature.vocabulary)
    notes = (
        ["counts are of values, of which a row has several, and of rows without one, which are missing"]
        if multiple
        else []
    )
    notes += [] if complete else [f"only the {len(counted):,} most frequent values were counted"]
    return TextProfile(
        name=feature.name,
        sources=feature.sources,
        rows=rows,
        nulls=nulls,
        distinct=len(counted) if complete else None,
        values=_top(list(counted.items())),
        unknown=rows - nulls - in_vocabulary,
        note="; ".join(notes),
    )


def _uncounted(feature: TextFeature, rows: int, train: StoredValues) -> TextProfile:
    ids = train.ids[feature.name]
    rows = rows if feature.separator is None else len(ids)
    nulls = round(rows * float(np.mean(is_missing(ids, feature)))) if len(ids) else 0
    return TextProfile(name=feature.name, sources=feature.sources, rows=rows, nulls=nulls, note=feature.note)


def _top(counted: Sequence[tuple[str, int]]) -> tuple[ValueCount, ...]:
    return tuple(ValueCount(value=value, count=count) for value, count in counted[:TOP_VALUES])


def _label(
    features: FittedFeatures, statistics: DatasetStatistics, counts: Counts, train: StoredValues
) -> NumberProfile | TextProfile:
    label, rows = features.label, statistics.splits["train"]
    if not label.classes:
        summary = _summary(ColumnStatistics(rows=rows, moments=statistics.label.train))
        return NumberProfile(name=label.name, splits={"train": summary}).model_copy(update=_described(train.label))
    class_rows = sorted(
        ((name, splits[0]) for name, splits in counts.classes.items()), key=lambda pair: (-pair[1], pair[0])
    )
    return TextProfile(
        name=label.name, sources=(label.name,), rows=rows, distinct=len(class_rows), values=_top(class_rows), unknown=0
    )
