"""Bins, and values brought back from the store."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.kinds.scaled.arrays import source_values
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.scaled.transform import NumericTransform, restored
from pipeline.preparation.profile.bins import bins_of, counts_between, histogram_of
from pipeline.preparation.profile.store_sample import sample_stored
from pipeline.store.filesystem import storage_path
from pipeline.store.manifest import FileEntry, SplitEntry

VALUES = np.concatenate([-np.logspace(-3, 4, 40), [0.0], np.logspace(-3, 4, 40)])


@pytest.mark.parametrize("power", [-1.5, 0.0, 0.3, 1.0, 2.0, 2.5])
def test_each_power_has_an_inverse(power):
    values = VALUES[np.abs(VALUES) < 50]
    transform = NumericTransform(shape="power", power=power)
    np.testing.assert_allclose(transform.inverse(transform.array(values)), values, rtol=1e-9, atol=1e-9)


def test_logarithms_and_straight_lines_have_an_inverse():
    positive = VALUES[VALUES > -1.0]
    transform = NumericTransform(shape="log1p")
    np.testing.assert_allclose(transform.inverse(transform.array(positive)), positive, rtol=1e-12, atol=1e-15)
    feature = ScaledFeature(name="x", source="x", shape="log1p", center=2.0, scale=0.5)
    np.testing.assert_allclose(restored((np.log1p(positive) - 2.0) / 0.5, feature), positive, rtol=1e-12, atol=1e-14)
    clipped = NumericTransform(low=-1.0, high=1.0)
    np.testing.assert_array_equal(clipped.inverse(clipped.array(VALUES)), np.clip(VALUES, -1.0, 1.0))


def test_what_was_filled_in_is_left_out_and_the_rest_is_as_it_was():
    feature = ScaledFeature(name="x", source="x", fill=1052.37, center=1052.37, scale=7153.1)
    raw = np.array([0.0, 0.1, 3.0, 99_999.0, 1052.37, 1052.37, 1052.37])
    stored = ((raw - feature.center) / feature.scale).astype(np.float32)
    # Two of the three are nulls; the third one was there.
    values = source_values(feature, stored, 2 / 7)
    np.testing.assert_allclose(values, [0.0, 0.1, 3.0, 1052.37, 99_999.0], rtol=1e-6, atol=1e-3)
    assert values[0] == 0.0 and not np.signbit(values[0])
    assert values[-1] == 99_999.0


def test_few_values_have_a_bin_each_and_many_have_twenty():
    few = histogram_of(np.array([1.0, 1.0, 2.0, 5.0]))
    assert (few.edges, few.counts, few.open) == ((1.0, 1.5, 3.5, 5.0), (2, 1, 1), False)
    even = histogram_of(np.arange(1000.0))
    assert (len(even.counts), sum(even.counts), even.open) == (20, 1000, False)
    assert max(even.counts) - min(even.counts) <= 1
    far = histogram_of(np.append(np.arange(1000.0), 1e9))
    assert far.open and far.edges[-1] < 1000 and sum(far.counts) == 1001
    assert histogram_of(np.array([])) is None and bins_of(np.array([])) is None


def test_one_value_is_one_bin():
    assert histogram_of(np.full(5, 3.0)).counts == (5,)
    assert (bins_of(np.full(5, 3.0)).edges, bins_of(np.full(5, 3.0)).counts) == ((), (5,))


def test_float32_does_not_move_a_value_to_another_bin():
    random = np.random.default_rng(0)
    values = np.sort(np.round(random.lognormal(10, 1, 5000), -2)) + 0.1
    bins = bins_of(values)
    assert len(bins.counts) == 10
    assert counts_between(np.array(bins.edges), values.astype(np.float32).astype(np.float64)) == bins.counts


def test_a_column_that_is_mostly_zero_still_has_bins():
    values = np.sort(np.concatenate([np.zeros(9500), np.random.default_rng(0).uniform(1, 100, 500)]))
    bins = bins_of(values)
    assert bins.counts[0] == 9500 and len(bins.counts) == 10 and max(bins.counts[1:]) < 60


def test_a_sample_takes_the_first_row_groups_of_all_files(tmp_path, monkeypatch):
    from pipeline.preparation.profile import store_sample as stored

    entries = []
    for shard in range(4):
        table = pa.table({"x": np.arange(100.0) + 1000 * shard})
        pq.write_table(table, tmp_path / f"{shard}.parquet", row_group_size=10)
        entries.append(
            FileEntry(path=f"{shard}.parquet", shard=shard, rows=100, bytes=1, sha256="", row_groups=(10,) * 10)
        )
    split, root = SplitEntry(rows=400, files=tuple(entries)), storage_path(str(tmp_path))
    assert sorted(sample_stored(split, root, ["x"])["x"].to_pylist()) == sorted(
        1000.0 * shard + i for shard in range(4) for i in range(100)
    )
    monkeypatch.setattr(stored, "SAMPLE_ROWS", 45)
    taken = sample_stored(split, root, ["x"])["x"].to_numpy()
    assert len(taken) == 45 and {int(value) // 1000 for value in taken[:40]} == {0, 1, 2, 3}
    assert max(value % 1000 for value in taken[:40]) == 9
