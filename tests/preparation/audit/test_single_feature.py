"""A column that gives the label away scores nearly 1, and one that identifies rows does not."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from pipeline.preparation.audit import single_feature
from pipeline.preparation.audit.single_feature import single_feature_scores

ROWS = 3000


@pytest.fixture(scope="module")
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_regression(random):
    label = np.exp(random.normal(size=ROWS))
    place = random.normal(size=ROWS)
    numbers = {
        "copy": label * 3 - 1,
        "curve": np.log(label),
        "holes": np.where(random.random(ROWS) < 0.5, np.nan, label),
        "noise": place,
        "row": np.arange(ROWS, dtype=np.float64),
        "constant": np.ones(ROWS),
        "empty": np.full(ROWS, np.nan),
        "infinite": np.where(place > 2, np.inf, place),
    }
    texts = {
        "id": np.array([f"i{i}" for i in range(ROWS)], dtype=object),
        "tens": np.array([f"{value:.1f}" for value in label], dtype=object),
        "null": np.full(ROWS, None, dtype=object),
    }
    scores = single_feature_scores(numbers, texts, label, "regression")
    assert list(scores) == [*numbers, *texts]
    assert scores["copy"] == pytest.approx(1.0, abs=1e-12)
    assert scores["curve"] > 0.9
    assert 0.2 < scores["holes"] < 0.9
    assert scores["tens"] > 0.5
    for name in ("noise", "row", "constant", "empty", "infinite", "id", "null"):
        assert scores[name] < 0.02


@pytest.mark.parametrize("classes", [2, 4])
def test_classes(random, classes):
    label = random.integers(0, classes, ROWS)
    parts = random.integers(0, 3, ROWS)
    numbers = {
        "copy": -label.astype(np.float64),
        "shuffled": np.array([2.0, 0.0, 3.0, 1.0])[label],
        "noisy": label + random.normal(size=ROWS),
        "noise": random.normal(size=ROWS),
        "missing": np.where(label == 0, np.nan, 1.0),
    }
    texts = {
        "copy of text": np.array([f"{value} {part}" for value, part in zip(label, parts, strict=True)], dtype=object),
        "id": np.array([f"i{i}" for i in range(ROWS)], dtype=object),
    }
    task = "binary" if classes == 2 else "multiclass"
    scores = single_feature_scores(numbers, texts, np.array(list("abcd"))[label], task)
    assert all(scores[name] > 0.995 for name in ("copy", "shuffled", "copy of text"))
    assert 0.6 < scores["noisy"] < 0.95
    assert all(scores[name] < 0.55 for name in ("noise", "id"))
    assert (scores["missing"] > 0.99) == (classes == 2)


def test_scores_are_those_of_scikit_learn(random):
    guess, label = random.integers(0, 9, 200).astype(np.float64), random.normal(size=200)
    assert single_feature._r2(label[:, None] / 2, label[:, None]) == pytest.approx(r2_score(label, label / 2))
    target = (label > 0).astype(np.float64)
    assert single_feature._area(guess, target) == pytest.approx(roc_auc_score(target, guess))


def test_a_rare_class_and_few_rows_are_no_error():
    label = np.array(["a"] * 39 + ["b"])
    scores = single_feature_scores({"x": np.arange(40.0)}, {}, label, "binary")
    assert 0.5 <= scores["x"] <= 1.0
    assert single_feature_scores({"x": np.arange(9.0)}, {}, np.arange(9.0), "regression") == {}
    assert single_feature_scores({"x": np.arange(20.0)}, {}, np.ones(20), "regression") == {"x": 0.0}


def test_a_column_takes_milliseconds(random):
    label = random.normal(size=20_000)
    numbers = {f"n{i}": random.normal(size=20_000) for i in range(20)}
    start = time.process_time()
    single_feature_scores(numbers, {}, label, "regression")
    assert (time.process_time() - start) / 20 < 0.1
