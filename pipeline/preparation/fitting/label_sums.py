"""Sums of the label by text, over the training rows of all folds; see `kinds/label_sums.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.arrays.tables import combined
from pipeline.arrays.values import Values
from pipeline.kinds.label_sums import FOLDS, LabelSums, Sums, fold_of_row
from pipeline.kinds.text.arrays import text_of, with_null_token
from pipeline.preparation.reading.scan import Parts
from pipeline.preparation.rows.fold_roles import WHOLE, Fold, FoldAssignment
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows

Labels = Callable[[Rows], Sequence[Values]]
"""Maps a batch of n rows to the label as each fold's network is trained on it, float64 [n]."""


def sum_labels(
    table: Table, texts: Mapping[str, tuple[str, ...]], labels: Labels, assignment: FoldAssignment = WHOLE
) -> tuple[dict[str, Sums], ...]:
    """Sum the label over the training rows of all folds, in one pass; without a pass where `texts` is empty.

    Args:
        table: the rows.
        texts: the raw or derived columns of each feature, by name.
        labels: gives the label of each fold.
        assignment: the folds.
    """
    if not texts:
        return tuple({} for _ in assignment.folds)
    count, seed = len(assignment.folds), table.seed
    schema = pa.schema(
        [
            ("column", pa.string()),
            ("value", pa.string()),
            ("part", pa.int32()),
            ("group", pa.int32()),
            ("count", pa.int64()),
        ]
        + [(f"sum{number}", pa.float64()) for number in range(count)]
    )

    def work(batches: Iterator[Rows]) -> Parts:
        parts = (part for rows in batches for part in _batch(rows, texts, labels(rows), assignment, seed, schema))
        return {"sums": _summed(parts, schema)}

    sums = _summed(table.collect(work).get("sums", []), schema)
    answers = sums.sort_by([(name, "ascending") for name in ("column", "value", "group")]).to_pylist()
    return tuple(_sums(answers, list(texts), number, fold) for number, fold in enumerate(assignment.folds))


def _batch(
    rows: Rows,
    texts: Mapping[str, tuple[str, ...]],
    labels: Sequence[Values],
    assignment: FoldAssignment,
    seed: int,
    schema: pa.Schema,
) -> Iterator[pa.Table]:
    """The sums of a batch, by column, value, part and group."""
    groups = rows.placement.of(assignment.column)
    trained_on = np.flatnonzero(np.isin(groups, assignment.trained_on))
    part = fold_of_row(seed, rows.placement.row_id[trained_on])
    for name, sources in texts.items():
        text = with_null_token(text_of(rows.typed.values, sources)).take(pa.array(trained_on))
        columns = [
            pa.array([name] * len(trained_on), pa.string()),
            text,
            part,
            groups[trained_on],
            np.ones(len(trained_on), np.int64),
        ]
        yield _summed([pa.table([*columns, *(label[trained_on] for label in labels)], schema=schema)], schema)


def _summed(parts: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """The sums over all parts, by column, value, part and group."""
    return combined(parts, schema, **dict.fromkeys(schema.names[4:], "sum"))


def _sums(answers: Sequence[Mapping[str, Any]], names: Sequence[str], number: int, fold: Fold) -> dict[str, Sums]:
    parts: dict[str, dict[str, tuple[list[float], list[int]]]] = {name: {} for name in names}
    for row in answers:
        times = fold.train.get(row["group"], 0)
        if times:
            sums, counts = parts[row["column"]].setdefault(row["value"], ([0.0] * FOLDS, [0] * FOLDS))
            sums[row["part"]] += times * (row[f"sum{number}"] or 0.0)
            counts[row["part"]] += times * row["count"]
    return {
        name: {value: LabelSums(tuple(sums), tuple(counts)) for value, (sums, counts) in values.items()}
        for name, values in parts.items()
    }
