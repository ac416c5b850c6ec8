"""A state with every kind of feature, raw rows for it, and what the store holds of them, by numpy and zlib alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.arrays.expressions import evaluate
from pipeline.kinds.bucket.fitted import BucketFeature
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn, NumberNode
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN

AREA = ColumnNode(name="area", type="number")
REGRESSION = LabelSpec(name="y", task="regression", transform="power", power=-0.2, center=2.0, scale=0.25)

CITY = ("Zürich", "", NULL_TOKEN, "[UNK]", "a\nb", "new york")
CITY_X_ZIP = tuple(
    CROSS_SEPARATOR.join(pair) for pair in [("Zürich", "98101"), ("", NULL_TOKEN), (NULL_TOKEN, NULL_TOKEN)]
)
TAGS = ("pool", "sea view", "日本")
EDGES = (-1.0, 0.0, 0.5, 2.0)


def every_kind(label: LabelSpec = REGRESSION) -> FittedFeatures:
    """Kinds stand mixed, so that order matters."""
    return FittedFeatures(
        numeric=(
            ScaledFeature(name="area_log", source="area", fill=1.0, high=1e6, shape="log1p", center=3.0, scale=2.0),
            MappedFeature(name="city_mean", sources=("city",), vocabulary=CITY, values=(1, 2, 3, 4, 5, 6.5), default=9),
            ScaledFeature(name="area_ple", source="area", fill=0.25, center=10.0, scale=30.0, edges=EDGES),
            ScaledFeature(name="half", source="half area", fill=0.5, low=-5.0, high=5.0, shape="power", power=-1.5),
            MappedFeature(
                name="cross_mean", sources=("city", "zip"), vocabulary=CITY_X_ZIP[:1], values=(7,), default=-1
            ),
            ScaledFeature(name="area_power", source="area", fill=2.0, shape="power", power=0.0, center=0.5, scale=0.1),
        ),
        categorical=(
            VocabularyFeature(name="tags", sources=("tags",), vocabulary=TAGS, separator="|", slots=3),
            VocabularyFeature(name="city", sources=("city",), vocabulary=CITY),
            BucketFeature(name="area_bin", source="area", edges=(0.0, 10.0, 20.5)),
            HashedFeature(name="city_hash", sources=("city",), buckets=97, encoding="embedding", dimension=3),
            VocabularyFeature(name="cross", sources=("city", "zip"), vocabulary=CITY_X_ZIP),
            HashedFeature(name="cross_hash", sources=("zip", "city"), buckets=1000, encoding="embedding", dimension=2),
            BucketFeature(name="half_bin", source="half area", edges=(1.0,), encoding="embedding", dimension=2),
            HashedFeature(
                name="tag_hash", sources=("tags",), buckets=5, separator="|", slots=2, encoding="embedding", dimension=4
            ),
        ),
        label=label,
        derived=(
            DerivedColumn(
                name="half area",
                type="number",
                expression=CallNode(function="multiply", arguments=(AREA, NumberNode(value=0.5))),
            ),
        ),
        null_values=("?",),
    )


ROWS: tuple[tuple[float | None, str | None, str | None, str | None], ...] = (
    (10.0, "Zürich", "98101", "pool| sea view |pool"),
    (20.5, "", None, "||  日本||unknown|pool|sea view"),
    (0.0, None, None, None),
    (-0.5, "[UNK]", "", " | "),
    (3e6, "a\nb", "1", ""),
    (4.0, "new york ", "98101", "sea  view"),
    (1e-9, "x" * 3000, "0", "|pool"),
    (None, "Zürich", None, "pool|pool|pool|sea view"),
    (float("-inf"), "zürich", "98101", "日本"),
)
"""Area, city, zip, tags."""


def values_of(state: FittedFeatures, rows: Sequence[tuple[Any, ...]]) -> dict[str, pa.Array]:
    """Raw and derived columns of rows, as a store is written of them."""
    columns = [*zip(*rows, strict=True)] or [()] * 4
    values = {"area": pa.array(columns[0], pa.float64())}
    values |= {name: pa.array(columns[i], pa.string()) for i, name in enumerate(("city", "zip", "tags"), start=1)}
    return values | {one.name: evaluate(one.expression, values, len(rows)) for one in state.derived}


def raw_tensors() -> dict[str, Any]:
    """`ROWS` as a serving model takes them."""
    import tensorflow as tf

    area = [[np.nan if row[0] is None else row[0]] for row in ROWS]
    texts = [[[NULL_TOKEN if row[j] is None else row[j]] for row in ROWS] for j in (1, 2, 3)]
    named = {name: tf.constant(column) for name, column in zip(("city", "zip", "tags"), texts, strict=True)}
    return {"area": tf.constant(area, tf.float64), **named}


def numeric_columns() -> np.ndarray:
    """float32 [n, 6] of `ROWS`."""
    area = np.array([np.nan if row[0] is None else row[0] for row in ROWS])
    known = np.isfinite(area)
    half = np.clip(np.where(known, area / 2, 0.5), -5, 5)
    shaped = [((x + 1) ** -1.5 - 1) / -1.5 if x >= 0 else -((1 - x) ** 3.5 - 1) / 3.5 for x in half]
    power = [np.log1p(x) if x >= 0 else -((1 - x) ** 2 - 1) / 2 for x in np.where(known, area, 2)]
    city = [NULL_TOKEN if row[1] is None else row[1] for row in ROWS]
    crossed = [(row[1], row[2]) == ("Zürich", "98101") for row in ROWS]
    columns = [
        (np.log1p(np.minimum(np.where(known, area, 1), 1e6)) - 3) / 2,
        [[1, 2, 3, 4, 5, 6.5][CITY.index(c)] if c in CITY else 9 for c in city],
        (np.where(known, area, 0.25) - 10) / 30,
        shaped,
        np.where(crossed, 7, -1),
        (np.array(power) - 0.5) / 0.1,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def id_columns() -> np.ndarray:
    """int32 [n, 11] of `ROWS`: a column a slot."""
    return np.array([_ids(*row) for row in ROWS], np.int32)


def _ids(area: float | None, city: str | None, zipcode: str | None, tags: str | None) -> list[int]:
    area = area if area is not None and np.isfinite(area) else None
    values = [value.strip(" ") for value in (tags or "").split("|") if value.strip(" ")]
    cross = CROSS_SEPARATOR.join(NULL_TOKEN if part is None else part for part in (city, zipcode))
    turned = CROSS_SEPARATOR.join(NULL_TOKEN if part is None else part for part in (zipcode, city))
    return [
        *([_place(value, TAGS) for value in values] + [4, 4, 4])[:3],
        _place(NULL_TOKEN if city is None else city, CITY),
        0 if area is None else 1 + sum(edge <= area for edge in (0.0, 10.0, 20.5)),
        0 if city is None else _hash(city, 97),
        _place(cross, CITY_X_ZIP),
        _hash(turned, 1000),
        0 if area is None else 1 + (area / 2 >= 1.0),
        *([_hash(value, 5) for value in values] + [6, 6])[:2],
    ]


def _place(text: str, vocabulary: tuple[str, ...]) -> int:
    return vocabulary.index(text) + 1 if text in vocabulary else 0


def _hash(text: str, buckets: int) -> int:
    return 1 + zlib.crc32(text.encode()) % buckets
