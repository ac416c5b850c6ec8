"""Permutation importance: how much worse a model gets if the values of a column are shuffled among the rows.

A column of the source may lead to several columns of the store: its own, those of derived columns, and crosses. They
are shuffled together by one permutation, so that the network sees another row's value of that column and nothing else
changes. A cross or a derived column of several columns is shuffled with each of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.measured_metrics import compute_metrics
from pipeline.evaluation.report.importance import Importance, ImportanceReport
from pipeline.evaluation.row_sample import concatenate, sample_rows
from pipeline.feed.rows import Rows
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.schemas.document import Document
from pipeline.schemas.expression import columns_of
from pipeline.store.store import Store

REPEATS = 3

Predict = Callable[[Rows], npt.NDArray[np.float64]]
Dependent = Mapping[str, Sequence[int]]
"""Positions in each tensor, by its name, that depend on one column of the source."""


class Shuffled(Document):
    """The main metric with one column shuffled.

    Attributes:
        position: position of the column in `dependent_columns`, counted from 1; 0 for the rows as they are.
        column: name of the column of the source; empty for the rows as they are.
        rows: number of rows that were predicted.
        values: value of the metric in each repeat.
    """

    position: int
    column: str
    rows: int
    values: tuple[float, ...]


def dependent_columns(features: FittedFeatures) -> Mapping[str, Dependent]:
    """For each column of the source, the positions that depend on it, along the first axis of each tensor."""
    sources: dict[str, set[str]] = {}
    for derived in features.derived:
        used = [column.name for column in columns_of(derived.expression)]
        sources[derived.name] = {name for mentioned in used for name in sources.get(mentioned, {mentioned})}
    dependent: dict[str, dict[str, list[int]]] = {column.name: {} for column in features.raw}
    filled: Counter[str] = Counter()
    for feature in features.features:
        for spec in feature.tensors:
            positions = range(filled[spec.name], filled[spec.name] + spec.shape[0])
            filled[spec.name] += spec.shape[0]
            for name in {name for source in feature.inputs for name in sources.get(source, {source})}:
                dependent[name].setdefault(spec.name, []).extend(positions)
    return dependent


def measure_importance(
    store: Store, split: str, spec: AccumulatorSpec, predict: Predict, *, rows: int, seed: int, rank: tuple[int, int]
) -> tuple[Shuffled, ...]:
    """The importance of this rank's share of the columns.

    Args:
        store: the store that holds the rows.
        split: the split to take rows from.
        spec: the spec of the accumulators.
        predict: the model.
        rows: the largest number of rows in the sample; 0 measures nothing.
        seed: seed of the permutations, which do not depend on the number of ranks.
        rank: this rank, and the number of ranks.
    """
    columns = dependent_columns(store.features)
    positions = range(rank[0], len(columns) + 1, rank[1])
    if not rows or not positions:
        return ()
    sample = concatenate(list(sample_rows(store, split, rows)))
    named: list[tuple[str, Dependent]] = [("", {}), *columns.items()]
    return tuple(_shuffled(position, *named[position], sample, spec, predict, seed) for position in positions)


def importance_of(metric: str, shuffled: Sequence[Shuffled]) -> ImportanceReport | None:
    """How much worse `metric` gets by column, from the results of all ranks; None if nothing was measured."""
    if not shuffled:
        return None
    (plain,) = (result for result in shuffled if not result.column)
    (value,) = plain.values
    columns = [
        Importance(
            column=result.column, drop=float(np.mean(result.values)) - value, deviation=float(np.std(result.values))
        )
        for result in sorted(shuffled, key=lambda result: result.position)
        if result.column
    ]
    columns.sort(key=lambda result: -result.drop)
    return ImportanceReport(metric=metric, value=value, rows=plain.rows, repeats=REPEATS, columns=tuple(columns))


def _shuffled(
    position: int,
    column: str,
    dependent: Dependent,
    rows: Rows,
    spec: AccumulatorSpec,
    predict: Predict,
    seed: int,
) -> Shuffled:
    values = []
    for repeat in range(REPEATS if column else 1):
        order = np.random.default_rng([seed, position, repeat]).permutation(len(rows))
        changed = _with_order(rows, order, dependent) if column else rows
        accumulator = spec.accumulate(rows.row_id, rows.label, predict(changed))
        value = compute_metrics(accumulator, with_intervals=False).metrics[spec.label.target.main_metric]
        assert value is not None, "a sample has rows"
        values.append(value)
    return Shuffled(position=position, column=column, rows=len(rows), values=tuple(values))


def _with_order(rows: Rows, order: npt.NDArray[np.int64], dependent: Dependent) -> Rows:
    """The rows, with the dependent columns of other rows."""
    tensors = dict(rows.tensors)
    for name, positions in dependent.items():
        tensors[name] = tensors[name].copy()
        tensors[name][:, positions] = rows.tensors[name][order][:, positions]
    return replace(rows, tensors=tensors)
