"""Measures the drift of rows from the training rows of a store; see `schemas/drift.py` for the measures.

Rows of a source are counted in one pass for all columns. The validation and test rows of a store are counted in a
sample of its files, but the numbers of missing values are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.tables import combined
from pipeline.kinds.feature import TextFeature
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.preparation.profile.bins import counts_between
from pipeline.preparation.profile.number_shares import number_after, number_before, number_code, share_outside
from pipeline.preparation.profile.shares import Shares, compare
from pipeline.preparation.profile.store_sample import StoredValues
from pipeline.preparation.profile.text_shares import (
    Values,
    stored_text,
    text_after,
    text_before,
    text_codes,
    top_values,
)
from pipeline.preparation.reading.scan import Batches, Parts, Scan, collect_parts
from pipeline.schemas.drift import ColumnDrift, DriftReport
from pipeline.schemas.profile import DataProfile, NumberProfile, Summary, TextProfile

_COUNTS = pa.schema([("column", pa.int32()), ("code", pa.int32()), ("rows", pa.int64())])
_ALL = -1
"""In place of a column's index: code 0 of this column counts all rows."""


def drift_of_rows(
    profile: DataProfile, features: FittedFeatures, scan: Scan, values: Callable[[pa.RecordBatch], Values], *, data: str
) -> DriftReport:
    """Measure the drift of rows of a source, in one pass.

    Args:
        profile: the profile of the store.
        features: the features of the store.
        scan: the rows.
        values: gives the values of a batch to compare.
        data: the name of the rows in messages.
    """
    numbers = [number for number in profile.numbers if number.bins is not None]
    texts = [(text, feature) for text in profile.texts for feature in features.of_texts if feature.name == text.name]

    def count(batches: Batches) -> Parts:
        parts = [part for batch in batches for part in _counted(values(batch), numbers, texts)]
        return {"codes": _summed(parts)}

    codes = _summed(collect_parts(scan, count).get("codes", []))
    counted: dict[int, dict[int, int]] = {}
    for index, code, rows in zip(*(codes[name].to_pylist() for name in _COUNTS.names), strict=True):
        counted.setdefault(index, {})[code] = rows
    total = counted.get(_ALL, {}).get(0, 0)
    columns = [
        compare(number.name, number_before(profile, number), number_after(number, counted.get(i, {})))
        for i, number in enumerate(numbers)
    ]
    for i, (text, feature) in enumerate(texts, start=len(numbers)):
        after = text_after(len(top_values(text, feature)), counted.get(i, {}), feature)
        columns.append(compare(text.name, text_before(text, feature), after, text=True))
    return _report(data, total, columns)


def _counted(
    values: Values, numbers: Sequence[NumberProfile], texts: Sequence[tuple[TextProfile, TextFeature]]
) -> Iterator[pa.Table]:
    """Counts of the codes in the rows of a batch, a table for each column."""
    rows = len(next(iter(values.values()), ()))
    yield _occurrences(_ALL, np.zeros(rows, np.int32))
    for i, number in enumerate(numbers):
        yield _occurrences(i, number_code(number, values[number.name]))
    for i, (text, feature) in enumerate(texts, start=len(numbers)):
        for codes in text_codes(text, feature, values):
            yield _occurrences(i, codes)


def _occurrences(column: int, codes: npt.NDArray[np.int32]) -> pa.Table:
    different, rows = np.unique(codes, return_counts=True)
    return pa.table([np.full(len(different), column, np.int32), different, rows], schema=_COUNTS)


def _summed(parts: Sequence[pa.Table]) -> pa.Table:
    return combined(parts, _COUNTS, rows="sum")


def drift_of_split(
    profile: DataProfile, features: FittedFeatures, summaries: Mapping[str, Summary], sample: StoredValues, *, data: str
) -> DriftReport:
    """Measure the drift of another split of the store; of texts, those that are stored as ids.

    Args:
        profile: the profile of the store.
        features: the features of the store.
        summaries: the summary of each number in the split.
        sample: a sample of the split.
        data: the name of the split in messages.
    """
    drifts = []
    for number in profile.numbers:
        if number.bins is None:
            continue
        summary, values = summaries[number.name], sample.numbers.get(number.name)
        if values is None:
            after = Shares(sample.rows, sample.intervals[number.name], summary.missing)
        else:
            bins = counts_between(np.array(number.bins.edges), values)
            after = Shares(sample.rows, bins, summary.missing, share_outside(values, number.train, summary))
        drifts.append(compare(number.name, number_before(profile, number), after))
    for text in profile.texts:
        for feature in features.of_texts:
            if feature.name == text.name and feature.role == "categorical":
                after = stored_text(text, feature, sample)
                drifts.append(compare(text.name, text_before(text, feature), after, text=True))
    label = _label_drift(profile, features, sample)
    return _report(data, sample.rows, [*drifts, *([label] if label else [])])


def _report(data: str, rows: int, drifts: Sequence[ColumnDrift]) -> DriftReport:
    columns = sorted(drifts, key=lambda column: (-column.shift, -column.psi, column.name)) if rows else ()
    return DriftReport(data=data, rows=rows, columns=tuple(columns))


def _label_drift(profile: DataProfile, features: FittedFeatures, sample: StoredValues) -> ColumnDrift | None:
    label = profile.label
    if not features.label.classes and isinstance(label, NumberProfile) and label.bins is not None:
        after = Shares(sample.rows, counts_between(np.array(label.bins.edges), sample.label), 0.0)
        return compare(label.name, Shares(profile.sample_rows, label.bins.counts, 0.0), after)
    if isinstance(label, TextProfile):
        counts = np.bincount(sample.label.astype(np.int64), minlength=len(features.label.classes)).tolist()
        before = Shares(label.rows, features.label.counts, 0.0)
        return compare(label.name, before, Shares(sample.rows, counts, 0.0), text=True)
    return None
