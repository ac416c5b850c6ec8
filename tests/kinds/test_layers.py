"""Every layer against numpy, scikit-learn or zlib on the same values."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import KBinsDiscretizer, PowerTransformer, StandardScaler

from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.schemas.tokens import NULL_TOKEN

keras = pytest.importorskip("keras")

import tensorflow as tf  # noqa: E402 (takes seconds to import)

from pipeline.kinds.bucket.layers import Bucketize  # noqa: E402
from pipeline.kinds.hashed.crc import CHUNK, crc32  # noqa: E402
from pipeline.kinds.hashed.layers import HashTexts  # noqa: E402
from pipeline.kinds.layer import ConcatColumns  # noqa: E402
from pipeline.kinds.scaled.layers import ScaleNumbers  # noqa: E402
from pipeline.kinds.scaled.power import yeo_johnson, yeo_johnson_inverse  # noqa: E402
from pipeline.kinds.text.layers import JoinTexts, LookUpTexts, SplitTexts  # noqa: E402
from pipeline.model.expand import MeanOfSlots, MultiHot, OneHot, PiecewiseLinear  # noqa: E402
from pipeline.model.label_unit import LabelUnit  # noqa: E402

RNG = np.random.default_rng(0)


def scaled(**settings) -> dict:
    feature = ScaledFeature(name="x", source="x", **settings)
    return feature.model_dump(exclude={"kind", "name", "source", "edges"})


def one_column(numbers) -> tf.Tensor:
    return tf.constant([[x] for x in numbers], tf.float64)


def as_texts(values) -> tf.Tensor:
    return tf.constant([value.encode() for value in values], tf.string, (len(values),))


# Numbers


def test_numbers_are_rounded_once():
    layer = ScaleNumbers([scaled(fill=0.0, center=1e8, scale=3.0)])
    assert np.asarray(layer(one_column([100000001.0])))[0, 0] == np.float32(1 / 3)


def test_infinities_are_filled_like_nulls():
    layer = ScaleNumbers([scaled(fill=7.0, center=1.0, scale=2.0)])
    assert np.asarray(layer(one_column([np.inf, -np.inf, np.nan, 3.0])))[:, 0].tolist() == [3.0, 3.0, 3.0, 1.0]


def test_a_column_without_a_fill_stays_null_whatever_its_bounds():
    columns = [scaled(low=0.0, high=1.0), scaled(shape="log1p"), scaled(shape="power", power=0.5, low=0.0)]
    found = np.asarray(ScaleNumbers(columns)(np.array([[np.nan] * 3, [np.inf] * 3, [0.5, 0.0, 0.0]])))
    assert np.isnan(found[:2]).all()
    assert found[2].tolist() == [0.5, 0.0, 0.0]


def test_what_the_logarithm_does_not_take_counts_as_null():
    layer = ScaleNumbers([scaled(fill=3.0, shape="log1p"), scaled(fill=3.0, shape="log1p", low=-0.5)])
    found = np.asarray(layer(np.array([[-1.0, -1.0], [-7.0, -7.0], [np.nan, np.nan]])))
    np.testing.assert_array_equal(found[:, 0], np.float32(np.log1p([3.0, 3.0, 3.0])))
    np.testing.assert_array_equal(found[:, 1], np.float32(np.log1p([-0.5, -0.5, 3.0])))


def test_order_is_fill_clip_shape_scale():
    layer = ScaleNumbers([scaled(fill=100.0, low=1.0, high=9.0, shape="log1p", center=1.0, scale=0.5)])
    expected = (np.log1p([9.0, 1.0, 9.0, 4.0]) - 1.0) / 0.5
    np.testing.assert_array_equal(layer(one_column([np.nan, -3.0, 50.0, 4.0]))[:, 0], expected.astype(np.float32))


def test_a_power_column_equals_scikit_learn():
    x = RNG.normal(2.0, 3.0, (200, 3)) ** [1, 2, 3]
    known = PowerTransformer(standardize=False).fit(x)
    scaler = StandardScaler().fit(known.transform(x))
    columns = [
        scaled(shape="power", power=p, center=c, scale=s)
        for p, c, s in zip(known.lambdas_, scaler.mean_, scaler.scale_, strict=True)
    ]
    expected = scaler.transform(known.transform(x))
    np.testing.assert_allclose(np.asarray(ScaleNumbers(columns)(x)), expected, rtol=1e-6, atol=1e-6)


@given(
    power=st.floats(-5.0, 7.0) | st.sampled_from([0.0, 1.0, 2.0, 1e-12]),
    x=st.floats(-1e3, 1e3),
)
def test_the_inverse_of_the_power_transform_gives_back_what_went_in(power, x):
    t = yeo_johnson(tf.constant([x], tf.float64), power)
    lost = np.abs(np.asarray(t)) * np.finfo(np.float64).eps * 8  # of t, by which its inverse may differ
    slope = (1.0 + abs(x)) ** (1.0 - (power if x >= 0 else 2.0 - power))
    assert np.asarray(yeo_johnson_inverse(t, power))[0] == pytest.approx(x, rel=1e-9, abs=float(lost[0] * slope) + 1e-9)


@pytest.mark.parametrize("power", [-2.0, -0.3, 0.0, 0.7, 2.0, 3.5])
def test_the_inverse_equals_scikit_learn(power):
    known = PowerTransformer(standardize=False).fit(np.array([[0.0], [1.0], [3.0]]))
    known.lambdas_ = np.array([power])
    t = known.transform(np.linspace(-4.0, 4.0, 41)[:, None])
    np.testing.assert_allclose(
        yeo_johnson_inverse(tf.constant(t), power), known.inverse_transform(t), rtol=1e-9, atol=1e-12
    )


def test_a_prediction_beyond_what_a_label_can_be_is_still_a_number():
    z = np.array([[1e6], [-1e6]], np.float32)
    for transform, power in (("power", -0.5), ("power", 3.0), ("power", 0.0), ("power", 2.0), ("log", 1.0)):
        found = np.asarray(LabelUnit(transform, center=0.0, scale=1.0, power=power)(z))
        assert np.isfinite(found).all(), (transform, power)
        assert found[0, 0] > found[1, 0]


def test_a_log_label_is_given_back_in_its_unit():
    unit = LabelUnit("log", center=1.0, scale=2.0)
    assert np.asarray(unit(np.array([[0.5]], np.float32)))[0, 0] == pytest.approx(np.expm1(2.0))


def test_the_head_inverts_its_own_target_for_every_transform():
    from pipeline.model.head import build_head
    from pipeline.schemas.label import LabelSpec

    y = tf.constant([0.0, 0.5, 250_000.0, 1e6], tf.float32)
    for transform, power, center, scale in (
        ("none", 1.0, 0.0, 1.0),
        ("standard", 1.0, 3e5, 1e5),
        ("log", 1.0, 12.0, 0.5),
        ("power", -0.5, 1.99, 0.001),
    ):
        label = LabelSpec(name="y", task="regression", transform=transform, power=power, center=center, scale=scale)
        head = build_head(label, "mae")
        g = {"log": np.log1p, "power": lambda v: ((v + 1) ** -0.5 - 1) / -0.5}.get(transform, lambda v: v)
        z = ((g(np.asarray(y, np.float64)) - center) / scale).astype(np.float32)[:, None]
        np.testing.assert_allclose(head.predict(z), y, rtol=2e-4 if transform == "power" else 2e-5, atol=0.05)
        np.testing.assert_allclose(head.row_loss(y, tf.constant(z)), 0.0, atol=1e-6 * np.abs(z).max())


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_intervals_equal_those_of_scikit_learn(strategy):
    x = RNG.exponential(size=(500, 2))
    bins = KBinsDiscretizer(5, encode="ordinal", strategy=strategy).fit(x)
    edges = [column[1:-1] for column in bins.bin_edges_]
    np.testing.assert_array_equal(Bucketize(edges)(tf.constant(x)), bins.transform(x) + 1)


def test_edges_belong_to_the_interval_above_and_null_is_zero():
    found = np.asarray(
        Bucketize([[1.0, 2.0], [], [-0.0]])(np.array([[1.0, 5.0, 0.0], [np.nan] * 3, [1e308, -1e308, -1]]))
    )
    assert found.tolist() == [[2, 1, 2], [0, 0, 0], [3, 1, 1]]
    assert found.dtype == np.int32
    assert np.asarray(Bucketize([[0.0]])(one_column([np.inf, -np.inf]))).tolist() == [[0], [0]]


# Texts


@given(st.lists(st.text(), max_size=5))
def test_crc_equals_zlibs(texts):
    assert np.asarray(crc32(as_texts(texts))).tolist() == [zlib.crc32(text.encode()) for text in texts]


def test_crc_of_long_texts_beside_short_ones():
    texts = ["", "a", "é" * CHUNK, "x" * CHUNK, "x" * (CHUNK - 1), "日本" * CHUNK, "\x00", "ab\x00\x00"]
    assert np.asarray(crc32(as_texts(texts))).tolist() == [zlib.crc32(text.encode()) for text in texts]


def test_hashes_of_null_and_of_slots_without_a_value():
    texts = tf.constant([[NULL_TOKEN, "a"], ["", "b\n"]])
    found = np.asarray(HashTexts(7, {NULL_TOKEN: 0, "": 8})(texts))
    assert found.tolist() == [[0, 1 + zlib.crc32(b"a") % 7], [8, 1 + zlib.crc32(b"b\n") % 7]]
    assert np.asarray(HashTexts(7, {})(tf.constant([[""]]))).tolist() == [[1]]


@given(
    st.lists(st.text(alphabet="ab |,.*\t日", max_size=12) | st.just(NULL_TOKEN), min_size=1, max_size=4),
    st.sampled_from(["|", ",", " ", "||", ".*"]),
    st.integers(1, 3),
)
def test_values_of_a_multi_valued_text(texts, separator, slots):
    found = SplitTexts(separator, slots)(tf.constant([[text.encode()] for text in texts]))
    expected = []
    for text in texts:
        values = [] if text == NULL_TOKEN else [v.strip(" ") for v in text.split(separator)]
        expected.append(([v for v in values if v] + [""] * slots)[:slots])
    assert [[cell.decode() for cell in row] for row in np.asarray(found).tolist()] == expected


def test_a_text_is_looked_up():
    layer = LookUpTexts(["a", "", NULL_TOKEN, "[UNK]", "x\ny"], [0.1, 2.0, 3.0, 4.0, 5.0], -1.0, "float32")
    found = np.asarray(layer(tf.constant([["a"], [""], [NULL_TOKEN], ["[UNK]"], ["x\ny"], ["A"]])))
    np.testing.assert_array_equal(found[:, 0], np.float32([0.1, 2, 3, 4, 5, -1]))
    ids = LookUpTexts([], [], 0, "int32")(tf.constant([["a"]]))
    assert (np.asarray(ids).dtype, np.asarray(ids).tolist()) == (np.int32, [[0]])


def test_texts_are_joined_as_they_are():
    joined = JoinTexts("\x1f")([tf.constant([["a"], [NULL_TOKEN]]), tf.constant([[""], [NULL_TOKEN]])])
    assert np.asarray(joined)[:, 0].tolist() == [b"a\x1f", b"\x00null\x1f\x00null"]


def test_columns_are_put_side_by_side_in_the_order_that_is_asked_for():
    parts = [tf.constant([[1, 2]]), tf.constant([[3]]), tf.constant([[4]])]
    assert np.asarray(ConcatColumns([0, 1, 2, 3])(parts)).tolist() == [[1, 2, 3, 4]]
    assert np.asarray(ConcatColumns([3, 1, 0, 2])(parts)).tolist() == [[4, 2, 1, 3]]


# Expansion


def piecewise_linear(x: float, edges: list[float]) -> list[float]:
    """Equation 1 of the paper, word for word; t counts from 1."""
    intervals = len(edges) - 1
    encoded = []
    for t in range(1, intervals + 1):
        if x < edges[t - 1] and t > 1:
            encoded.append(0.0)
        elif x >= edges[t] and t < intervals:
            encoded.append(1.0)
        else:
            encoded.append((x - edges[t - 1]) / (edges[t] - edges[t - 1]))
    return encoded


def test_piecewise_linear_encoding_equals_the_paper():
    edges = [[-1.0, 0.0, 0.25, 4.0], [], [0.0, 2.0], [3.0]]
    x = np.stack([np.array([-7.0, -1.0, -0.5, 0.0, 0.1, 0.25, 3.0, 4.0, 90.0])] * 4, axis=1).astype(np.float32)
    found = np.asarray(PiecewiseLinear(edges)(x))
    expected = [[*piecewise_linear(v, edges[0]), v, *piecewise_linear(v, edges[2]), v] for v in x[:, 0]]
    assert found.shape == (9, 6)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_edges_that_are_one_number_in_float32_tell_nothing():
    edges = [1.0, 1.0 + 1e-12, 2.0, 2.0 + 1e-12]
    found = np.asarray(PiecewiseLinear([edges])(np.array([[-50.0], [1.0], [1.5], [1e30]], np.float32)))
    assert found.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 1.0, 0.0]]


def test_one_hot_expands_each_column_into_its_own_block():
    ids = np.array([[0, 9, 1], [2, 9, 0]], np.int32)
    assert np.asarray(OneHot([3, 2], [0, 2])(ids)).tolist() == [[1, 0, 0, 0, 1], [0, 0, 1, 1, 0]]
    assert np.asarray(OneHot([3])(ids[:, :1])).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_multi_hot_counts_a_value_once_and_padding_never():
    ids = np.array([[2, 2, 3], [3, 3, 3], [0, 1, 2]], np.int32)
    assert np.asarray(MultiHot(3)(ids)).tolist() == [[0, 0, 1], [0, 0, 0], [1, 1, 1]]


def test_the_mean_of_slots_is_over_values_only():
    vectors = RNG.normal(size=(3, 2, 4)).astype(np.float32)
    ids = np.array([[0, 1], [1, 5], [5, 5]], np.int32)
    found = np.asarray(MeanOfSlots(5)(ids, vectors))
    np.testing.assert_allclose(found, [vectors[0].mean(0), vectors[1, 0], np.zeros(4)], rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (ScaleNumbers([scaled(fill=None, high=1.0), scaled(fill=2.0, shape="power", power=0.5)]), np.zeros((2, 2))),
        (Bucketize([[1.0]]), np.zeros((2, 1))),
        (LabelUnit("power", 1.0, 2.0, 0.5), np.zeros((2, 1), np.float32)),
        (LookUpTexts(["a"], [3], 0, "int32"), tf.constant([["a"]])),
        (HashTexts(3, {NULL_TOKEN: 0}), tf.constant([["a"]])),
        (SplitTexts("|", 2), tf.constant([["a"]])),
        (PiecewiseLinear([[0.0, 1.0, 2.0], []]), np.zeros((2, 2), np.float32)),
        (OneHot([2], [1]), np.zeros((2, 2), np.int32)),
        (MultiHot(2), np.zeros((2, 2), np.int32)),
        (ConcatColumns([1, 0]), [tf.constant([[1]]), tf.constant([[2]])]),
        (JoinTexts("|"), [tf.constant([["a"]]), tf.constant([["b"]])]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else "",
)
def test_a_layer_comes_back_from_its_json(layer, inputs):
    import json

    text = json.dumps(keras.saving.serialize_keras_object(layer))
    again = keras.saving.deserialize_keras_object(json.loads(text), safe_mode=True)
    np.testing.assert_array_equal(np.asarray(again(inputs)), np.asarray(layer(inputs)))
