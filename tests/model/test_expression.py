"""Derived columns in a Keras model."""

from __future__ import annotations

import math
from datetime import date

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.config.expression import parse_expression
from pipeline.model.dates import DATE_PARTS, days_of_text
from pipeline.model.expression import Derive, evaluate
from pipeline.schemas.expression import DerivedColumn
from pipeline.schemas.tokens import NULL_TOKEN

TYPES = {"a": "number", "s": "text", "ratio": "number"}
RAW = {
    "a": tf.constant([[1.0 + 1e-12], [math.nan], [math.inf]], tf.float64),
    "s": tf.constant([["Größe"], [""], [NULL_TOKEN]]),
}


def derived(name, sql):
    node = parse_expression(sql, TYPES)
    return DerivedColumn(name=name, type=node.type, expression=node).model_dump(mode="json")


def model_of(*columns):
    inputs = {
        "a": keras.Input((1,), dtype="float64", name="a"),
        "s": keras.Input((1,), dtype="string", name="s"),
    }
    return keras.Model(inputs, Derive(columns, name="__derive")(inputs))


@pytest.fixture(scope="module")
def model():
    return model_of(
        derived("ratio", "1 / (a - 1)"),
        derived("again", "coalesce(ratio, -1)"),
        derived("label", "lower(s) || '!'"),
        derived("known", "s IS NOT NULL"),
    )


def test_columns_are_added_in_double_precision(model):
    values = {name: tensor.numpy()[:, 0].tolist() for name, tensor in model(RAW).items()}

    assert list(values) == ["a", "s", "ratio", "again", "label", "known"]
    assert values["ratio"] == pytest.approx([1.0 / 1e-12, math.nan, math.nan], rel=1e-3, nan_ok=True)
    assert values["again"][1:] == [-1.0, -1.0]
    assert [text.decode() for text in values["label"]] == ["größe!", "!", NULL_TOKEN]
    assert values["known"] == [1.0, 1.0, 0.0]


def test_kinds_and_shapes_are_known_before_any_row(model):
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in model.output.items()} == {
        **dict.fromkeys(("a", "ratio", "again", "known"), ("float64", (None, 1))),
        **dict.fromkeys(("s", "label"), ("string", (None, 1))),
    }


def test_a_saved_model_loads_in_safe_mode(model, tmp_path):
    model.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)

    for name, tensor in tf.function(loaded)(RAW).items():
        np.testing.assert_array_equal(tensor.numpy(), model(RAW)[name].numpy())


def test_a_saved_model_cannot_hold_another_function(model):
    config = model.get_layer("__derive").get_config()
    config["columns"][0]["expression"]["function"] = "reflect"

    with pytest.raises(TypeError, match="there is no function 'reflect'"):
        Derive.from_config(config)


def test_no_rows_give_no_values(model):
    values = model({"a": tf.zeros([0, 1], tf.float64), "s": tf.constant([], tf.string, shape=[0, 1])})

    assert {tuple(tensor.shape) for tensor in values.values()} == {(0, 1)}


def test_the_days_of_the_calendar():
    """The first and the last years, and every day of the 400 years after which the calendar repeats, against numpy."""
    spans = [("0001-01-01", "0006-01-01"), ("1700-01-01", "2100-03-02"), ("9990-01-01", "9999-12-31")]
    days = np.concatenate([np.arange(np.datetime64(first), np.datetime64(last) + 1) for first, last in spans])
    months = days.astype("datetime64[M]")
    years = months.astype("datetime64[Y]")
    number = days.astype(np.int64)

    parts = {name: function(tf.constant(number, tf.float64)).numpy() for name, function in DATE_PARTS.items()}

    np.testing.assert_array_equal(parts["year"], years.astype(np.int64) + 1970)
    np.testing.assert_array_equal(parts["month"], months.astype(np.int64) % 12 + 1)
    np.testing.assert_array_equal(parts["quarter"], months.astype(np.int64) % 12 // 3 + 1)
    np.testing.assert_array_equal(parts["day"], (days - months).astype(np.int64) + 1)
    np.testing.assert_array_equal(parts["day_of_year"], (days - years).astype(np.int64) + 1)
    assert parts["weekday"][::97].tolist() == [day.weekday() for day in days[::97].tolist()]
    np.testing.assert_array_equal(days_of_text(tf.constant(days[::97].astype(str))).numpy(), number[::97])


def test_days_that_do_not_exist():
    years = (1900, 2000, 2023, 2024)
    texts = [f"{year}-{month:02}-{day:02}" for year in years for month in range(14) for day in range(33)]

    found = [not math.isnan(days) for days in days_of_text(tf.constant(texts)).numpy()]

    assert found == [exists(text) for text in texts]


def exists(text):
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def test_the_model_s_own_null_is_null_to_every_text_function():
    node = parse_expression("upper(s) || trim(s) || substring(s, 1, 3)", TYPES)

    assert evaluate(node, RAW).numpy()[2, 0].decode() == NULL_TOKEN
