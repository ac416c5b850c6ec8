"""A column is worth what the model loses without it, whatever columns of the store came of it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.importance import REPEATS, dependent_columns, importance_of, measure_importance
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn
from pipeline.schemas.label import LabelSpec
from tests.support.stores import regression_state, write_small_store

LABEL = LabelSpec(name="y", task="regression")


def test_columns_of_the_store_follow_their_sources() -> None:
    product = CallNode(
        function="multiply", arguments=(ColumnNode(name="a", type="number"), ColumnNode(name="b", type="number"))
    )
    square = CallNode(
        function="multiply", arguments=(ColumnNode(name="ab", type="number"), ColumnNode(name="ab", type="number"))
    )
    state = FittedFeatures(
        numeric=tuple(ScaledFeature(name=name, source=name) for name in ("a", "square")),
        categorical=(
            VocabularyFeature(name="tags", sources=("tags",), vocabulary=("x",), separator=",", slots=2),
            VocabularyFeature(name="a_x_t", sources=("t", "u"), vocabulary=("x",)),
        ),
        label=LABEL,
        derived=(
            DerivedColumn(name="ab", type="number", expression=product),
            DerivedColumn(name="square", type="number", expression=square),
        ),
    )
    assert dependent_columns(state) == {
        "a": {"numeric": [0, 1]},
        "b": {"numeric": [1]},
        "tags": {"categorical": [0, 1]},
        "t": {"categorical": [2]},
        "u": {"categorical": [2]},
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_small_store(
        tmp_path_factory.mktemp("importance"), {"train": [10, 10], "test": [300, 200]}, state=regression_state(3)
    )


def importance(store, ranks: int, rows: int = 400):
    """The model is right about x0 and x1, and does not look at x2; the label is x0 + 2 x1 + 3 x2 and more."""
    found = []
    for rank in range(ranks):
        found += measure_importance(
            store,
            "test",
            AccumulatorSpec.of(LABEL, groups=1),
            lambda rows: (rows.tensors["numeric"][:, 0] + 2 * rows.tensors["numeric"][:, 1]).astype(np.float64),
            rows=rows,
            seed=1,
            rank=(rank, ranks),
        )
    return importance_of("rmse", found)


def test_what_matters_more_drops_more(store) -> None:
    found = importance(store, 1)
    assert (found.metric, found.rows, found.repeats) == ("rmse", 400, REPEATS)
    drops = {one.column: one.drop for one in found.columns}
    assert list(drops)[:2] == ["x1", "x0"]
    assert drops["x2"] == drops["c0"] == 0.0
    noise = found.value**2
    assert drops["x1"] == pytest.approx(np.sqrt(noise + 2 * 4) - found.value, rel=0.2)
    assert all(one.deviation > 0 for one in found.columns[:2])


@pytest.mark.parametrize("ranks", [2, 3, 9])
def test_ranks_share_the_columns_and_change_nothing(store, ranks: int) -> None:
    assert importance(store, ranks) == importance(store, 1)


def test_no_rows_asked_for_is_no_importance(store) -> None:
    assert importance(store, 1, rows=0) is None
