"""Moments by group: merged, they are the moments of the groups' rows together; and back from scaled to raw values."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import PowerTransformer

from pipeline.arrays.moments import ColumnStatistics, Moments
from pipeline.kinds.scaled.arrays import scaled_value, transformed
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.scaled.transform import NumericTransform
from pipeline.preparation.rows.label_values import network_label
from pipeline.preparation.rows.typed_rows import SPLIT, TypedRows
from pipeline.preparation.statistics.column_statistics import MomentAccumulator, merged_parts
from pipeline.schemas.label import LabelSpec
from tests.support.rows import values_rows

FOLDS = 4


def test_folds_merged_are_the_rows_together():
    random = np.random.default_rng(4)
    values = np.where(random.random(600) < 0.3, 0.0, random.lognormal(3.0, 2.0, 600))
    values[:6] = [np.nan, np.inf, -np.inf, -1e6, 1e6, 0.0]
    # Years: of a mean far from 0 fewer digits are left beside the deviation, whoever computes it.
    far = random.normal(2000.0, 1.0, 600)
    folds = random.integers(0, FOLDS, 600)
    # One column has values in a single fold only.
    columns = {
        "x": [None if i % 7 == 0 else float(x) for i, x in enumerate(values)],
        "far": far.tolist(),
        "lonely": [float(y) if fold == 2 else None for fold, y in zip(folds, far, strict=True)],
    }
    ends = [0, 100, 110, 400, 600]
    batches = [
        values_rows({name: column[a:b] for name, column in columns.items()}, folds[a:b].tolist())
        for a, b in pairwise(ends)
    ]
    pieces = []
    for own in (batches[:3], batches[3:]):
        accumulator = MomentAccumulator(lambda rows: rows.typed.values, SPLIT)
        for rows in own:
            accumulator.add(rows)
        pieces.append(accumulator.result())
    by_fold = merged_parts(pieces)
    for left_out in range(FOLDS):
        kept = [fold for fold in range(FOLDS) if fold != left_out]
        for name, column in columns.items():
            own = [value for fold, value in zip(folds, column, strict=True) if fold in kept]
            known = np.array([value for value in own if value is not None])
            merged = reduce(ColumnStatistics.merged, (by_fold[name][fold] for fold in kept))
            finite = known[np.isfinite(known)]
            assert (merged.rows, merged.nulls) == (len(own), len(own) - len(known))
            assert merged.not_finite == len(known) - len(finite)
            assert_same(merged.moments, finite)


def assert_same(moments: Moments, values: np.ndarray) -> None:
    assert (moments.count, moments.zeros) == (len(values), (values == 0.0).sum())
    if not len(values):
        assert moments == Moments()
        return
    assert (moments.low, moments.high) == (values.min(), values.max())
    assert moments.mean == pytest.approx(values.mean(), rel=1e-12)
    assert moments.std == pytest.approx(values.std(), rel=1e-9)


VALUES = np.concatenate([np.linspace(-20.0, 50.0, 71), [-1e-9, 0.0, 1e-9, 1e4]])


@pytest.mark.parametrize("power", [-1.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_yeo_johnson_and_back(power):
    values = VALUES[VALUES > -5.0]
    forward = transformed(pa.array(values), NumericTransform(shape="power", power=power))
    transformer = PowerTransformer(standardize=False).fit([[1.0], [2.0]])
    transformer.lambdas_ = np.array([power])
    np.testing.assert_allclose(forward, transformer.transform(values[:, None])[:, 0], rtol=1e-12, atol=1e-15)
    serve = pytest.importorskip("pipeline.kinds.scaled.power")
    back = np.asarray(serve.yeo_johnson_inverse(forward[values < 1e3], power))
    np.testing.assert_allclose(back, values[values < 1e3], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("transform", "power"), [("none", 1.0), ("standard", 1.0), ("log", 1.0), ("power", 0.3)])
def test_a_label_comes_back_in_its_own_unit(transform, power):
    """What the network is given for a label, the exported model turns into the label again."""
    label_units = pytest.importorskip("pipeline.model.label_unit")
    values = VALUES[VALUES > -1.0]
    label = LabelSpec(
        name="y", task="regression", transform=transform, power=power, center=2.0 * (transform != "none"), scale=1.0
    )
    rows = TypedRows(len(values), {}, {}, np.ones(len(values), bool), label_number=pa.array(values))
    seen = network_label(label, rows)
    back = np.asarray(label_units.label_unit(label)(seen[:, None].astype(np.float32)))[:, 0]
    np.testing.assert_allclose(back, values, rtol=2e-5, atol=2e-6)


def test_scaled_values_and_back():
    feature = ScaledFeature(name="x", source="x", fill=0.0, center=3.0, scale=7.0)
    stored = scaled_value(pa.array(VALUES), feature)
    np.testing.assert_allclose(stored * 7.0 + 3.0, VALUES, rtol=1e-6, atol=1e-6)
    log = ScaledFeature(name="x", source="x", fill=0.0, low=-0.5, shape="log1p", center=3.0, scale=7.0)
    stored = scaled_value(pa.array(VALUES), log).astype(float)
    np.testing.assert_allclose(np.expm1(stored * 7.0 + 3.0), VALUES.clip(min=-0.5), rtol=1e-5, atol=2e-6)
