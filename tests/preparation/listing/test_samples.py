"""Samples are made once, whole, and the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits

from pipeline.config.source import SourceConfig
from pipeline.preparation.listing import samples
from pipeline.preparation.listing.bank_sample import CHUNK_ROWS, bank_chunk
from pipeline.preparation.listing.samples import make_sample, sample_fingerprint
from pipeline.store.filesystem import storage_path


def bank(rows: int, **settings) -> SourceConfig:
    return SourceConfig(sample="bank", rows=rows, **settings)


def test_bank_has_the_rows_asked_for_and_some_missing_values(tmp_path):
    place = make_sample(bank(CHUNK_ROWS + 10), storage_path(str(tmp_path)))
    frame = pd.read_parquet(place.path)
    assert frame.customer_id.tolist() == list(range(1, CHUNK_ROWS + 11))
    assert frame.transactions.notna().all()
    assert frame.age.between(18, 90).all()
    missing = frame.isna().mean()
    assert 0.02 < missing["balance"] < 0.04
    assert sorted(missing[missing > 0].index) == ["balance", "children", "region", "tenure_years"]


def test_more_rows_begin_with_the_same_chunks(tmp_path):
    first = pd.read_parquet(make_sample(bank(CHUNK_ROWS), storage_path(str(tmp_path))).path)
    more = pd.read_parquet(make_sample(bank(CHUNK_ROWS + 5), storage_path(str(tmp_path))).path)
    pd.testing.assert_frame_equal(first, more.head(CHUNK_ROWS))


def test_interactions_beat_a_linear_model():
    frame = bank_chunk(0, 0, 8_000).to_pandas().drop(columns="customer_id")
    numeric = frame.drop(columns=["transactions", "region", "channel"]).astype(float)
    columns = pd.concat([numeric.fillna(numeric.mean()), pd.get_dummies(frame[["region", "channel"]])], axis=1)
    train, test, label = slice(0, 6000), slice(6000, None), frame.transactions
    linear = LinearRegression().fit(columns[train], label[train]).score(columns[test], label[test])
    with threadpool_limits(1):  # threads that wait for a core cost more than they bring
        trees = HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(columns[train], label[train])
    assert 0.45 < linear < 0.65
    assert trees.score(columns[test], label[test]) > 0.85


def test_a_sample_is_made_once_and_atomically(tmp_path, monkeypatch):
    root = storage_path(str(tmp_path))
    place = make_sample(bank(10), root)
    before = Path(place.path).stat().st_mtime_ns
    assert Path(make_sample(bank(10), root).path).stat().st_mtime_ns == before
    assert make_sample(bank(10, seed=1), root).path != place.path

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(samples, "bank_chunk", fail)
    with pytest.raises(OSError, match="disk full"):
        make_sample(bank(11), root)
    assert len(list((tmp_path / "samples").iterdir())) == 2
    assert not list((tmp_path / "scratch").iterdir())


def test_fingerprints_follow_from_what_decides_the_content():
    assert sample_fingerprint(bank(10)) != sample_fingerprint(bank(11))
    assert sample_fingerprint(SourceConfig(sample="iris", rows=1)) == sample_fingerprint(SourceConfig(sample="iris"))


@pytest.mark.parametrize(
    ("name", "rows", "label", "classes"),
    [
        ("iris", 150, "species", {"setosa": 50, "versicolor": 50, "virginica": 50}),
        ("breast_cancer", 569, "diagnosis", {"malignant": 212, "benign": 357}),
    ],
)
def test_samples_of_scikit_learn(tmp_path, name, rows, label, classes):
    frame = pd.read_parquet(make_sample(SourceConfig(sample=name), storage_path(str(tmp_path))).path)
    assert len(frame) == rows
    assert frame[label].value_counts().to_dict() == classes
    assert all(kind == np.float64 for kind in frame.drop(columns=label).dtypes)
    assert all(column.replace("_", "").isalpha() for column in frame.columns)
