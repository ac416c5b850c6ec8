"""The features of a store are the very columns that the exported model computes from the same raw values."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.preparation.writing.store_columns import feature_columns
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.tokens import NULL_TOKEN

keras = pytest.importorskip("keras")

import tensorflow as tf  # noqa: E402 (takes seconds to import)

from pipeline.model.serving import build_serving_model  # noqa: E402
from tests.support import kinds  # noqa: E402

STATE = kinds.every_kind(LabelSpec(name="y", task="regression"))
NUMBERS, IDS = len(STATE.numeric), len(STATE.id_columns)

Rows = list[tuple[float | None, str | None, str | None, str | None]]


def as_stored(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """float32 [n, NUMBERS] and int32 [n, IDS]."""
    made = [*feature_columns(STATE, kinds.values_of(STATE, rows)).values()]
    assert [column.dtype for column in made] == [np.float32] * NUMBERS + [np.int32] * IDS
    return np.stack(made[:NUMBERS], axis=1), np.stack(made[NUMBERS:], axis=1)


def by_keras(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """The same by the exported model, around a network that lets its inputs through."""
    area = [[np.nan if row[0] is None else row[0]] for row in rows]
    texts = [[[NULL_TOKEN if row[j] is None else row[j]] for row in rows] for j in (1, 2, 3)]
    named = {name: tf.constant(column) for name, column in zip(("city", "zip", "tags"), texts, strict=True)}
    passed = np.asarray(model()({"area": tf.constant(area, tf.float64), **named})["prediction"])
    return passed[:, :NUMBERS], passed[:, NUMBERS:]


@cache
def model() -> keras.Model:
    inputs = {
        "numeric": keras.Input((NUMBERS,), dtype="float32", name="numeric"),
        "categorical": keras.Input((IDS,), dtype="int32", name="categorical"),
    }
    both = keras.layers.Concatenate(dtype="float32")(
        [inputs["numeric"], keras.ops.cast(inputs["categorical"], "float32")]
    )
    return build_serving_model(keras.Model(inputs, both), STATE)


def test_a_store_has_what_was_computed_by_hand():
    numbers, ids = as_stored(list(kinds.ROWS))
    np.testing.assert_allclose(numbers, kinds.numeric_columns(), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(ids, kinds.id_columns())


ODD_NUMBERS = [None, np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, 2.3e-308, 1e-300, 1e30, -0.999999, 20.499999999999996]
ODD_TEXTS = [
    None, "", " ", "Zürich", "Zu\u0308rich", "zürich", "ZÜRICH", "\u200bZürich", "unseen", "[UNK]", "a\nb", "\t", "😀",
    "日本", "\u202eabc", "x" * 3000, "98101", "98101.0", "é", "e\u0301", "|", "||", "pool|", "\x1f", "Zürich\x1f98101",
]  # fmt: skip


def test_odd_values_are_the_same_on_both_roads():
    """Each odd text in every column, beside each odd number."""
    texts = [(text, other, tags) for text in ODD_TEXTS for other, tags in ((None, text), (text, "pool"), ("98101", ""))]
    rows = [(ODD_NUMBERS[place % len(ODD_NUMBERS)], *row) for place, row in enumerate(texts)]
    numbers, ids = as_stored(rows)
    same_numbers, same_ids = by_keras(rows)
    np.testing.assert_allclose(numbers, same_numbers, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(ids, same_ids)
    assert len(np.unique(ids, axis=0)) > len(ODD_TEXTS)
    assert np.isfinite(numbers).all()


TEXTS = st.none() | st.sampled_from([*kinds.CITY[:2], *kinds.CITY[3:], "98101", "0", " ", "pool", "\u00e9", "e\u0301"])
TAGS = st.none() | st.lists(st.sampled_from([*kinds.TAGS, "", " pool ", "\tpool", "x", "日"]), max_size=6).map("|".join)
ANY_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=6)
# Logarithms need numbers above -1, and TensorFlow flushes subnormal ones to 0.
AREAS = (
    st.none()
    | st.sampled_from([-0.0, 20.5, 1.0, 2.0, np.inf, -np.inf, np.nan, 1e9, -0.999])
    | st.floats(-0.999, 1e6, allow_subnormal=False)
)


@settings(max_examples=20, phases=[Phase.generate], derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(AREAS, TEXTS | ANY_TEXT, TEXTS | ANY_TEXT, TAGS | ANY_TEXT), min_size=150, max_size=300),
)
def test_a_store_has_what_the_exported_model_computes(rows):
    numbers, ids = as_stored(rows)
    same_numbers, same_ids = by_keras(rows)
    np.testing.assert_allclose(numbers, same_numbers, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(ids, same_ids)
