"""Drift: other rows against the training rows of a store, see `schemas/drift.py` for what is computed.

Rows of a source are counted in one pass, whatever the number of columns. The validation and test rows of a store
are counted in a sample of its files; for them, numbers of missing values are exact.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from pipeline.arrays.masks import missing_of
from pipeline.arrays.tables import combined
from pipeline.arrays.values import finite_numbers
from pipeline.config.drift import DriftConfig
from pipeline.errors import DataError
from pipeline.kinds.bucket.arrays import bucket_id
from pipeline.kinds.feature import TextFeature
from pipeline.kinds.state import FeatureState
from pipeline.kinds.text.arrays import text_of, values_of
from pipeline.kinds.vocabulary.arrays import vocabulary_id
from pipeline.preparation.profile.bins import counts_between
from pipeline.preparation.profile.store_sample import StoredValues
from pipeline.preparation.reading.scan import Batches, Parts, Scan, collect_parts
from pipeline.preparation.rows.typed_rows import Indices
from pipeline.schemas.drift import FLOOR, ColumnDrift, DriftReport
from pipeline.schemas.profile import Bins, DataProfile, NumberProfile, Summary, TextProfile
from pipeline.schemas.tokens import NULL_TOKEN, OUT_OF_VOCABULARY

log = logging.getLogger(__name__)

SURE = 0.999


@dataclass(frozen=True)
class Shares:
    """How the rows of one column are spread.

    Attributes:
        rows: how many were counted.
        bins: counts of the rows with a value.
        missing: the share of rows without one.
        new: see `ColumnDrift`.
    """

    rows: int
    bins: Sequence[int]
    missing: float
    new: float | None = None

    @property
    def all(self) -> list[float]:
        """The share of each bin, and of missing values."""
        present = sum(self.bins)
        return [(1.0 - self.missing) * count / present if present else 0.0 for count in self.bins] + [self.missing]


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """The population stability index of shares; see `schemas/drift.py`.

    >>> round(stability_index([0.5, 0.5], [0.6, 0.4]), 6)
    0.040547
    """
    e, a = np.maximum(expected, FLOOR), np.maximum(actual, FLOOR)
    return float(np.sum((a - e) * np.log(a / e)))


def compare(name: str, before: Shares, after: Shares, *, text: bool = False) -> ColumnDrift:
    """The drift of one column whose bins are the same before and after."""
    expected, actual = before.all, after.all
    used = sum(e > 0.0 or a > 0.0 for e, a in zip(expected, actual, strict=True))
    spread = 1.0 / max(before.rows, 1) + 1.0 / max(after.rows, 1)
    return ColumnDrift(
        name=name,
        kind="text" if text else "number",
        psi=stability_index(expected, actual),
        chance=spread * float(stats.chi2.ppf(SURE, used - 1)) if used > 1 else 0.0,
        missing=after.missing,
        missing_before=before.missing,
        new=after.new if after.new is None or before.new is None else max(after.new - before.new, 0.0),
    )


def enforce(report: DriftReport, limits: DriftConfig) -> None:
    """Log each column beyond a warning limit.

    Raises:
        DataError: a column is beyond a limit that stops; the message holds the table.
    """
    beyond = _beyond(report, limits.psi_stop, limits.new_category_stop)
    if beyond:
        table = report.model_copy(update={"columns": tuple(column for column, _ in beyond)}).to_text()
        allowed = ", ".join(dict.fromkeys(f"{limit} at most" for _, said in beyond for limit in said.values()))
        raise DataError(
            f"{len(beyond)} of {len(report.columns)} columns drifted too far. Allowed: {allowed}.\n{table}\n"
            "Correct the data, train on newer rows, or raise the limits in the section drift."
        )
    for column, said in _beyond(report, limits.psi_warn, limits.new_category_warn):
        log.warning("Drift of %s, column '%s': %s.", report.data, column.name, "; ".join(_told(column, said)))


Values = Mapping[str, pa.Array]
"""float64 or string [n], raw and derived columns by name."""

_COUNTS = pa.schema([("column", pa.int32()), ("code", pa.int32()), ("rows", pa.int64())])
_ALL = -1
"""The column whose code 0 is counted once for every row."""


def drift_of_rows(
    profile: DataProfile, state: FeatureState, scan: Scan, values: Callable[[pa.RecordBatch], Values], *, data: str
) -> DriftReport:
    """Compare rows of a source, in one pass.

    Args:
        profile: of the store.
        state: its features.
        scan: the rows.
        values: of a batch, those of its rows that are compared.
        data: what messages call the rows.
    """
    numbers = [number for number in profile.numbers if number.bins is not None]
    texts = [(text, feature) for text in profile.texts for feature in state.of_texts if feature.name == text.name]

    def count(batches: Batches) -> Parts:
        parts = [part for batch in batches for part in _counted(values(batch), numbers, texts)]
        return {"codes": _summed(parts)}

    found = _summed(collect_parts(scan, count).get("codes", []))
    counted: dict[int, dict[int, int]] = {}
    for place, code, rows in zip(*(found[name].to_pylist() for name in _COUNTS.names), strict=True):
        counted.setdefault(place, {})[code] = rows
    total = counted.get(_ALL, {}).get(0, 0)
    columns = [
        compare(number.name, _number_before(profile, number), _number_after(number, counted.get(i, {})))
        for i, number in enumerate(numbers)
    ]
    for i, (text, feature) in enumerate(texts, start=len(numbers)):
        after = _text_after(len(_top(text, feature)), counted.get(i, {}), feature)
        columns.append(compare(text.name, _text_before(text, feature), after, text=True))
    return _report(data, total, columns)


def _counted(
    values: Values, numbers: Sequence[NumberProfile], texts: Sequence[tuple[TextProfile, TextFeature]]
) -> Iterator[pa.Table]:
    """How often each code occurs in the rows of a batch."""
    rows = len(next(iter(values.values()), ()))
    yield _occurrences(_ALL, np.zeros(rows, np.int32))
    for i, number in enumerate(numbers):
        yield _occurrences(i, _number_code(number, values[number.name]))
    for i, (text, feature) in enumerate(texts, start=len(numbers)):
        for codes in _text_codes(text, feature, values):
            yield _occurrences(i, codes)


def _occurrences(column: int, codes: npt.NDArray[np.int32]) -> pa.Table:
    different, rows = np.unique(codes, return_counts=True)
    return pa.table([np.full(len(different), column, np.int32), different, rows], schema=_COUNTS)


def _summed(parts: Sequence[pa.Table]) -> pa.Table:
    return combined(parts, _COUNTS, rows="sum")


def drift_of_split(
    profile: DataProfile, state: FeatureState, summaries: Mapping[str, Summary], sample: StoredValues, *, data: str
) -> DriftReport:
    """Compare a split of the same store; of texts, those that are stored as ids.

    Args:
        profile: of the store.
        state: its features.
        summaries: of each number in the split.
        sample: of the split.
        data: what messages call it.
    """
    found = []
    for number in profile.numbers:
        if number.bins is None:
            continue
        summary, values = summaries[number.name], sample.numbers.get(number.name)
        if values is None:
            after = Shares(sample.rows, sample.intervals[number.name], summary.missing)
        else:
            bins = counts_between(np.array(number.bins.edges), values)
            after = Shares(sample.rows, bins, summary.missing, _outside(values, number.train, summary))
        found.append(compare(number.name, _number_before(profile, number), after))
    for text in profile.texts:
        for feature in state.of_texts:
            if feature.name == text.name and feature.role == "categorical":
                after = _stored_text(text, feature, sample)
                found.append(compare(text.name, _text_before(text, feature), after, text=True))
    label = _label_drift(profile, state, sample)
    return _report(data, sample.rows, [*found, *([label] if label else [])])


def _report(data: str, rows: int, found: Sequence[ColumnDrift]) -> DriftReport:
    columns = sorted(found, key=lambda column: (-column.shift, -column.psi, column.name)) if rows else ()
    return DriftReport(data=data, rows=rows, columns=tuple(columns))


def _beyond(report: DriftReport, psi: float | None, new: float | None) -> list[tuple[ColumnDrift, dict[str, str]]]:
    """Columns beyond a limit, with the limits that they are beyond."""
    found = []
    for column in report.columns:
        said = {}
        if psi is not None and column.shift > psi:
            said["psi"] = f"a population stability index of {psi:g}"
        if new is not None and column.kind == "text" and (column.new or 0.0) > new:
            said["new"] = f"{new:.2%} new categories"
        if said:
            found.append((column, said))
    return found


def _told(column: ColumnDrift, said: Mapping[str, str]) -> Iterator[str]:
    received = {"psi": f"{column.psi:.3f}", "new": f"{column.new or 0.0:.2%}"}
    for name, limit in said.items():
        yield f"{received[name]}, more than {limit}"


# Numbers. The code of a row is 0 for a missing value, or 1 + the place of its bin; so much more outside the range.


def _number_code(number: NumberProfile, values: pa.Array) -> Indices:
    assert number.bins is not None
    place = bucket_id(values, number.bins.edges)
    if number.train.low is None or number.train.high is None:
        return place
    known = finite_numbers(values)
    with np.errstate(invalid="ignore"):
        outside = (known < number.train.low) | (known > number.train.high)
    return np.where(outside, place + np.int32(_codes(number.bins)), place)


def _outside(values: npt.NDArray[np.float64], train: Summary, other: Summary) -> float:
    """The share of rows outside the range of training rows, by what is left of numbers in float32."""
    if train.low is None or train.high is None or not len(values):
        return 0.0
    slack = 1e-6 * max(abs(train.low), abs(train.high))
    share = np.mean((values < train.low - slack) | (values > train.high + slack))
    return float(share) * (1.0 - other.missing)


def _codes(bins: Bins) -> int:
    return len(bins.counts) + 1


def _number_before(profile: DataProfile, number: NumberProfile) -> Shares:
    assert number.bins is not None
    return Shares(profile.sample_rows, number.bins.counts, number.train.missing, 0.0)


def _number_after(number: NumberProfile, counted: Mapping[int, int]) -> Shares:
    assert number.bins is not None
    size, rows = _codes(number.bins), sum(counted.values())
    bins = [counted.get(place, 0) + counted.get(place + size, 0) for place in range(1, size)]
    outside = sum(count for code, count in counted.items() if code > size)
    return Shares(rows, bins, counted.get(0, 0) / max(rows, 1), outside / max(rows, 1))


# Texts. The code of a value is one of the first three, or more for the most frequent values, which have their own bins.

_MISSING, _UNKNOWN, _REST, _FIRST = 0, 1, 2, 3


def _top(text: TextProfile, feature: TextFeature) -> list[tuple[int, int]]:
    """The place in the vocabulary and the count of the most frequent values, those left out that are not in it."""
    places = {value: place for place, value in enumerate(feature.vocabulary)}
    return [(places[value.value], value.count) for value in text.values if value.value in places]


def _text_codes(text: TextProfile, feature: TextFeature, values: Values) -> Iterator[Indices]:
    """One code a row, or one a value of a multi-valued text."""
    whole = text_of(values, feature.sources)
    if feature.separator is None:
        yield _text_code(whole, text, feature)
        return
    found = values_of(whole, feature.separator)
    for place in range(feature.slots):
        yield _text_code(found.slot(place).drop_null(), text, feature)


def _text_code(value: pa.Array, text: TextProfile, feature: TextFeature) -> Indices:
    missing = missing_of(value)
    if not feature.has_vocabulary:
        return np.where(missing, np.int32(_MISSING), np.int32(_REST))
    ids = vocabulary_id(value, feature.vocabulary)
    codes = np.full(len(feature.vocabulary) + 1, _REST, np.int32)
    codes[OUT_OF_VOCABULARY] = _UNKNOWN
    for place, (word, _) in enumerate(_top(text, feature)):
        codes[word + 1] = place + _FIRST
    return np.where(missing, np.int32(_MISSING), codes[ids])


def _text_before(text: TextProfile, feature: TextFeature) -> Shares:
    top = [count for _, count in _top(text, feature)]
    rest = max(text.rows - text.nulls - sum(top), 0)
    unknown = None if text.unknown is None else text.unknown / max(text.rows, 1)
    return Shares(text.rows, [*top, rest], text.nulls / max(text.rows, 1), unknown)


def _text_after(size: int, counted: Mapping[int, int], feature: TextFeature) -> Shares:
    rows, unknown = sum(counted.values()), counted.get(_UNKNOWN, 0)
    top = [counted.get(place + _FIRST, 0) for place in range(size)]
    new = unknown / max(rows, 1) if feature.has_vocabulary else None
    return Shares(rows, [*top, counted.get(_REST, 0) + unknown], counted.get(_MISSING, 0) / max(rows, 1), new)


def _stored_text(text: TextProfile, feature: TextFeature, sample: StoredValues) -> Shares:
    """From ids. A null that the vocabulary lacks has the id of what is unknown, and counts as that."""
    ids = sample.ids[feature.name]
    if not feature.has_vocabulary:
        return _text_after(0, {_MISSING: int(np.sum(ids == 0)), _REST: int(np.sum(ids != 0))}, feature)
    counts = np.bincount(ids, minlength=len(feature.vocabulary) + 1).tolist()
    null = feature.vocabulary.index(NULL_TOKEN) + 1 if NULL_TOKEN in feature.vocabulary else None
    top = [counts[place + 1] for place, _ in _top(text, feature)]
    missing = counts[null] if null is not None else 0
    codes = {place + _FIRST: count for place, count in enumerate(top)}
    rest = len(ids) - sum(top) - missing - counts[0]
    return _text_after(len(top), codes | {_MISSING: missing, _UNKNOWN: counts[0], _REST: rest}, feature)


def _label_drift(profile: DataProfile, state: FeatureState, sample: StoredValues) -> ColumnDrift | None:
    label = profile.label
    if not state.label.classes and isinstance(label, NumberProfile) and label.bins is not None:
        after = Shares(sample.rows, counts_between(np.array(label.bins.edges), sample.label), 0.0)
        return compare(label.name, Shares(profile.sample_rows, label.bins.counts, 0.0), after)
    if isinstance(label, TextProfile):
        counts = np.bincount(sample.label.astype(np.int64), minlength=len(state.label.classes)).tolist()
        before = Shares(label.rows, state.label.counts, 0.0)
        return compare(label.name, before, Shares(sample.rows, counts, 0.0), text=True)
    return None
