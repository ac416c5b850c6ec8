"""What the feed makes of rows without scaling is what is written into a fold's own store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.feed.reader import read_shard
from pipeline.feed.rows import Rows
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.shared_fold_rows import SharedFoldRows
from pipeline.preparation.writing.store_columns import feature_columns
from pipeline.schemas.tokens import NULL_TOKEN
from tests.support import kinds
from tests.support.fold_stores import RawRow, joint, table_of, write_fold, write_rows

ROWS, PARTS = 2000, 5
OTHERS = ("x", "Ulm", " ", "\x1f", "é")
FILE = "rows/0/shard-00-000.parquet"


def fold() -> FittedFeatures:
    """Every kind, and means of the label by parts."""
    state = kinds.every_kind()
    random = np.random.default_rng(1)
    numeric = [
        feature.model_copy(update={"folds": tuple(map(tuple, random.normal(size=(PARTS, len(feature.values)))))})
        if isinstance(feature, MappedFeature)
        else feature
        for feature in state.numeric
    ]
    return state.model_copy(update={"numeric": tuple(numeric)})


def random_rows() -> list[RawRow]:
    random = np.random.default_rng(2)

    def some(*values: object) -> object:
        return values[random.integers(len(values))]

    def area() -> float | None:
        edge = some(None, np.inf, -0.0, 0.0, 10.0, 20.5, 1e9, -0.999, np.nan)
        return edge if random.random() < 0.3 else float(random.lognormal(1.0, 2.0))

    cities = [None if city == NULL_TOKEN else city for city in kinds.CITY]
    tags = (*kinds.TAGS, *OTHERS, "")
    return [
        (
            area(),
            some(*cities, *OTHERS),
            some(None, "98101", "", "é"),
            some(None, "|".join(random.choice(tags, random.integers(0, 6)))),
        )
        for _ in range(ROWS)
    ]


def as_stored(state: FittedFeatures, rows: list[RawRow], parts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """float32 [n, a] and int32 [n, c]."""
    made = [*feature_columns(state, kinds.values_of(state, rows), parts).values()]
    width = len(state.numeric)
    return np.stack(made[:width], axis=1), np.stack(made[width:], axis=1)


def by_feed(folder: Path, shared_rows: SharedFoldRows, state: FittedFeatures, split: str) -> Rows:
    (rows,) = read_shard(write_fold(folder, shared_rows, state, {split: [FILE]}), split, 0)
    return rows


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_feed_gives_what_is_stored(tmp_path, split):
    state, raw = fold(), random_rows()
    parts = np.random.default_rng(3).integers(0, PARTS, ROWS)
    shared_rows = joint(state, more=OTHERS[:3], slots=5, has_parts=True)
    write_rows(tmp_path, {FILE: table_of(shared_rows, raw, part=parts)}, row_group=ROWS)
    rows = by_feed(tmp_path, shared_rows, state, split)
    numbers, ids = as_stored(state, raw, parts if split == "train" else None)
    np.testing.assert_allclose(rows.tensors["numeric"], numbers, rtol=2e-7, atol=1e-9)
    np.testing.assert_array_equal(rows.tensors["categorical"], ids)
    assert (np.ptp(ids, axis=0) > 0).all()
    assert (np.ptp(numbers, axis=0) > 0).all()
