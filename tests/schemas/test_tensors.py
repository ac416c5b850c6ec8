"""Named tensors: what columns and features make up."""

from __future__ import annotations

import pytest

from pipeline.kinds.fitted_features import store_schema_of
from pipeline.schemas.store_schema import ColumnSpec, StoreSchema
from pipeline.schemas.tensors import TensorSpec, concat_specs
from tests.support import kinds


def test_columns_of_a_role_lie_side_by_side_and_further_ones_stand_alone():
    contract = StoreSchema(
        columns=(
            ColumnSpec(name="x", type="float32", role="numeric"),
            ColumnSpec(name="c", type="int32", role="categorical", size=3),
            ColumnSpec(name="z", type="float32", role="numeric"),
            ColumnSpec(name="y", type="float64", role="label"),
            ColumnSpec(name="words", type="int32", role="extra", shape=(9,), ragged=True, padding=-1),
        )
    )
    assert contract.tensors == (
        TensorSpec(name="numeric", dtype="float32", shape=(2,)),
        TensorSpec(name="categorical", dtype="int32", shape=(1,)),
        TensorSpec(name="words", dtype="int32", shape=(9,), ragged=True, padding=-1),
    )


def test_features_feed_the_tensors_of_their_store():
    state = kinds.every_kind()
    assert state.tensors == store_schema_of(state).tensors
    assert [str(spec) for spec in state.tensors] == ["float32 [6]", "int32 [11]"]


def test_a_further_column_is_not_called_like_other_tensors():
    columns = (
        ColumnSpec(name="x", type="float32", role="numeric"),
        ColumnSpec(name="numeric", type="float32", role="extra", shape=(2,)),
    )
    with pytest.raises(ValueError, match=r"column 'numeric' is called like the tensor of several columns. Rename it."):
        _ = StoreSchema(columns=columns).tensors


def test_parts_that_do_not_fit_are_named_with_both_sides():
    image = TensorSpec(name="t", dtype="float32", shape=(1, 8, 8))
    (wide,) = concat_specs([image, image])
    assert wide.shape == (2, 8, 8)
    for other in (
        TensorSpec(name="t", dtype="int32", shape=(1, 8, 8)),
        TensorSpec(name="t", dtype="float32", shape=(1, 4, 8)),
        TensorSpec(name="t", dtype="float32"),
    ):
        with pytest.raises(ValueError, match=r"tensor 't' is float32 \[1, 8, 8\] in one part and .* in another"):
            concat_specs([image, other])
