"""Metrics by the values of a column or an expression: where a model is worse than on average.

Spark joins predictions with the values of their rows and fills one accumulator for each value; only these reach the
driver. Numbers are cut into intervals with about the same number of rows, unless they have few values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.evaluation.accumulator import (
    Accumulator,
    AccumulatorSpec,
    accumulator_from_bytes,
    accumulator_to_bytes,
    merge_accumulators,
)
from pipeline.evaluation.measured_metrics import compute_metrics
from pipeline.evaluation.predict_job import LABEL
from pipeline.evaluation.report.slices import SliceReport, SliceValue
from pipeline.evaluation.source_rows import ExpressionValues
from pipeline.schemas.expression import ValueType
from pipeline.schemas.store_schema import ROW_ID

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = 5
"""Number of intervals of a number; one with no more different values than this is not divided."""
VALUES = 20
"""Number of most frequent values of a text that have a slice of their own."""
QUANTILE_ERROR = 0.001
NULL, OTHERS = "(null)", "(others)"


@dataclass(frozen=True)
class SliceParts:
    """How the values of an expression are divided into parts.

    Attributes:
        names: names of the parts, in order, `OTHERS` and `NULL` last.
        part: position of a row's part in `names`, an int column.
    """

    names: tuple[str, ...]
    part: Column


def slice_rows(predictions: DataFrame, values: ExpressionValues, spec: AccumulatorSpec) -> tuple[SliceReport, ...]:
    """A report for each expression.

    Args:
        predictions: columns `ROW_ID`, `LABEL`, `p0`, ...
        values: values of the expressions.
        spec: the spec of the accumulators, with one group.
    """
    rows = predictions.join(values.rows, [ROW_ID, LABEL], "left").cache()
    try:
        slice_parts = [_parts_of(rows, f"s{i}", kind) for i, kind in enumerate(values.kinds)]
        accumulators = _accumulators(rows, slice_parts, spec)
    finally:
        rows.unpersist()
    return tuple(
        _report(text, parts, i, accumulators)
        for i, (text, parts) in enumerate(zip(values.by, slice_parts, strict=True))
    )


def _report(text: str, parts: SliceParts, number: int, accumulators: dict[tuple[int, int], Accumulator]) -> SliceReport:
    values = []
    for part, name in enumerate(parts.names):
        accumulator = accumulators.get((number, part))
        if accumulator is not None:
            metrics = compute_metrics(accumulator, with_intervals=False).metrics
            values.append(SliceValue(value=name, rows=accumulator.rows, metrics=metrics))
    return SliceReport(by=text, values=tuple(values))


def _parts_of(rows: DataFrame, column: str, kind: ValueType) -> SliceParts:
    value = F.col(column)
    if kind == "number":
        # NaN and infinities count as null everywhere in the pipeline.
        value = F.when(~F.isnan(value) & (F.abs(value) != float("inf")), value)
    defined = rows.select(value.alias("v")).where(F.col("v").isNotNull())
    distinct = [row["v"] for row in defined.distinct().limit(INTERVALS + 1).collect()]
    if kind == "number" and len(distinct) > INTERVALS:
        return _intervals(defined, value)
    if kind == "number":
        chosen: list[Any] = sorted(distinct)
        return _listed(value, chosen, [_text(number) for number in chosen])
    counted = defined.groupBy("v").count().orderBy(F.desc("count"), "v").limit(VALUES).collect()
    chosen = [row["v"] for row in counted]
    return _listed(value, chosen, chosen)


def _listed(value: Column, chosen: Sequence[Any], names: Sequence[str]) -> SliceParts:
    part = F.when(value.isNull(), F.lit(len(chosen) + 1))
    for position, one in enumerate(chosen):
        part = part.when(value == F.lit(one), F.lit(position))
    return SliceParts((*names, OTHERS, NULL), part.otherwise(F.lit(len(chosen))))


def _intervals(defined: DataFrame, value: Column) -> SliceParts:
    shares = [share / INTERVALS for share in range(INTERVALS + 1)]
    low, *inner, high = defined.approxQuantile("v", shares, QUANTILE_ERROR)
    edges = [edge for edge in dict.fromkeys(inner) if low < edge]
    bounds = [low, *edges, high]
    names = [f"[{_text(a)}, {_text(b)})" for a, b in pairwise(bounds[:-1])]
    part = F.when(value.isNull(), F.lit(len(bounds)))
    for position, edge in enumerate(edges):
        part = part.when(value < F.lit(edge), F.lit(position))
    names.append(f"[{_text(bounds[-2])}, {_text(high)}]")
    return SliceParts((*names, OTHERS, NULL), part.otherwise(F.lit(len(edges))))


def _text(number: float) -> str:
    """Integers in full, such as postal codes and years; other numbers in six digits."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.6g}"


def _accumulators(
    rows: DataFrame, slice_parts: Sequence[SliceParts], spec: AccumulatorSpec
) -> dict[tuple[int, int], Accumulator]:
    """Accumulators by expression and part."""
    predicted = sorted((name for name in rows.columns if name[0] == "p" and name[1:].isdecimal()), key=len)
    columns = [parts.part.alias(f"part{i}") for i, parts in enumerate(slice_parts)]
    narrow = rows.select(ROW_ID, LABEL, *predicted, *columns)
    slices, width = len(slice_parts), len(predicted)
    counted = narrow.mapInPandas(
        lambda frames: _count(frames, slices, width, spec), "slice int, part int, accumulator binary"
    )
    merged = counted.groupBy("slice", "part").applyInPandas(_merge, "slice int, part int, accumulator binary")
    return {(row["slice"], row["part"]): accumulator_from_bytes(bytes(row["accumulator"])) for row in merged.collect()}


def _count(frames: Iterable[pd.DataFrame], slices: int, width: int, spec: AccumulatorSpec) -> Iterator[pd.DataFrame]:
    import pandas as pd

    accumulators: dict[tuple[int, int], Accumulator] = {}
    for frame in frames:
        row_id, label = frame[ROW_ID].to_numpy(np.int64), frame[LABEL].to_numpy(np.float64)
        prediction = frame[[f"p{c}" for c in range(width)]].to_numpy(np.float64)
        for number in range(slices):
            part = frame[f"part{number}"].to_numpy(np.int64)
            for value in np.unique(part).tolist():
                is_part = part == value
                new = spec.accumulate(row_id[is_part], label[is_part], prediction[is_part])
                key = (number, value)
                accumulators[key] = merge_accumulators([accumulators[key], new]) if key in accumulators else new
    if accumulators:
        numbers, parts = zip(*accumulators, strict=True)
        yield pd.DataFrame(
            {
                "slice": numbers,
                "part": parts,
                "accumulator": [accumulator_to_bytes(accumulator) for accumulator in accumulators.values()],
            }
        )


def _merge(frame: pd.DataFrame) -> pd.DataFrame:
    # Sorted by content, whatever order they arrived in, so that sums are equal to the last bit.
    accumulators = [accumulator_from_bytes(content) for content in sorted(map(bytes, frame["accumulator"]))]
    first = frame.iloc[:1].copy()
    first["accumulator"] = [accumulator_to_bytes(merge_accumulators(accumulators))]
    return first
