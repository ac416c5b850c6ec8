"""Columns of every kind, from files that plain pyarrow wrote."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import StoreError
from pipeline.feed.rows import COLUMNS_AT_ONCE, check_tensors
from pipeline.kinds.fitted_features import store_schema_of
from pipeline.schemas.store_schema import ColumnSpec, StoreSchema
from pipeline.schemas.tensors import TensorSpec
from tests.support.feeds import feed_of, numbered, publish, with_memory
from tests.support.stores import regression_state, write_small_store

pytestmark = pytest.mark.filterwarnings("ignore:Column .* has an unsupported field:UserWarning")

SPECS = (
    ColumnSpec(name="vec", type="float32", role="extra", shape=(6,)),
    ColumnSpec(name="grid", type="float32", role="extra", shape=(2, 3)),
    ColumnSpec(name="fixed", type="int64", role="extra", shape=(6,)),
    ColumnSpec(name="tags", type="int32", role="extra", shape=(4,), ragged=True, padding=9),
    ColumnSpec(name="city", type="string", role="extra"),
    ColumnSpec(name="label", type="binary", role="extra"),
    ColumnSpec(name="words", type="string", role="extra", shape=(2,)),
    ColumnSpec(name="when", type="int64", role="extra"),
)


def contract_with(*specs: ColumnSpec) -> StoreSchema:
    return StoreSchema(columns=(*store_schema_of(regression_state()).columns, *specs))


def values_of(row: int) -> dict[str, object]:
    """What the columns of row `row` hold; `label` looks like an image."""
    return {
        "vec": [row + i / 8 for i in range(6)],
        "grid": [row - i / 8 for i in range(6)],
        "fixed": [row * i for i in range(6)],
        "tags": list(range(row % 5)),
        "city": ["", "Zürich", "東京", "a\x00b"][row % 4],
        "label": bytes(range(row % 256)),
        "words": [f"w{row}", "é"],
        "when": row << 40,
    }


TYPES = {
    "vec": pa.list_(pa.float32()),
    "grid": pa.list_(pa.float32()),
    "fixed": pa.list_(pa.int64(), 6),
    "tags": pa.list_(pa.int32()),
    "city": pa.string(),
    "label": pa.binary(),
    "words": pa.list_(pa.string()),
    "when": pa.int64(),
}


def rich(ids: range) -> pa.Table:
    table = numbered(ids)
    for name, kind in TYPES.items():
        table = table.append_column(name, pa.array([values_of(row)[name] for row in ids], kind))
    return table


def expected(row: int) -> dict[str, np.ndarray]:
    values = values_of(row)
    return {
        "vec": np.array(values["vec"], np.float32),
        "grid": np.array(values["grid"], np.float32).reshape(2, 3),
        "fixed": np.array(values["fixed"]),
        "tags": np.array([*values["tags"], 9, 9, 9, 9][:4], np.int32),
        "city": np.array(values["city"].encode(), object),
        "label": np.array(values["label"], object),
        "words": np.array([word.encode() for word in values["words"]], object),
        "when": np.array(values["when"]),
    }


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("memory", [1 << 30, 100 << 10])
def test_every_kind_of_column_reaches_its_row(tmp_path, seed, memory):
    """With little memory a row group is read in parts."""
    store = publish(tmp_path, [rich(range(150)), rich(range(150, 260))], contract_with(*SPECS), row_group=120)
    seen = []
    for rank in (0, 1):
        feed = feed_of(store, world=2, rank=rank, batch=64, seed=seed, resources=with_memory(memory))
        for block in feed.epoch(0):
            for step, slot in zip(*np.nonzero(block.weight), strict=True):
                row = int(block.label[step, slot])
                for name, value in expected(row).items():
                    found = np.asarray(block.tensors[name][step, slot], value.dtype)
                    assert found.tolist() == value.tolist()
                seen.append(row)
            padding = block.weight == 0
            assert not block.tensors["vec"][padding].any()
            assert set(block.tensors["city"][padding]) <= {b""}
    assert sorted(seen) == list(range(260))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("tags", [1] * 5, "column 'tags' has a list of 5 values where at most 4 are allowed"),
        ("vec", [1.0] * 5, "column 'vec' has a list of 5 values where 6 are allowed"),
        ("vec", None, "column 'vec' has 1 nulls, and a store has none"),
        ("vec", [None] * 6, "column 'vec' has 6 nulls, and a store has none"),
        ("city", None, "column 'city' has 1 nulls, and a store has none"),
    ],
)
def test_a_value_that_breaks_the_contract_is_named(tmp_path, column, value, message):
    table = rich(range(20))
    values = [*table[column].to_pylist()[:-1], value]
    table = table.set_column(table.column_names.index(column), column, pa.array(values, TYPES[column]))
    store = publish(tmp_path, [table], contract_with(*SPECS))
    with pytest.raises(StoreError, match=f"train/shard-00.parquet cannot be read: {message}"):
        list(feed_of(store).epoch(0))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            ColumnSpec(name="vec", type="float32", role="extra"),
            "'vec' is float32 in the contract, and list<.*float>",
        ),
        (
            ColumnSpec(name="when", type="int64", role="extra", shape=(2,), ragged=True),
            "'when' is a list of at most 2 int64 in the contract, and int64 in the file",
        ),
        (
            ColumnSpec(name="city", type="binary", role="extra"),
            "'city' is binary in the contract, and string in",
        ),
        (ColumnSpec(name="gone", type="binary", role="extra"), "'gone' is binary in the contract, and no such column"),
    ],
)
def test_a_column_of_another_kind_is_named(tmp_path, spec, message):
    store = publish(tmp_path, [rich(range(20))], contract_with(spec))
    with pytest.raises(StoreError, match=message):
        list(feed_of(store).epoch(0))


def test_more_columns_than_are_read_at_once(tmp_path):
    count = 2 * COLUMNS_AT_ONCE + 3
    store = write_small_store(tmp_path, {"train": [90]}, state=regression_state(numeric=count, sizes=(3,) * 70))
    block = next(feed_of(store, seed=None, batch=90, k=1).epoch(0))
    weights = np.arange(1, count + 1)
    signal = block.tensors["numeric"][0].astype(np.float64) @ weights + (block.tensors["categorical"][0] == 1).sum(1)
    np.testing.assert_allclose(block.label[0], signal, rtol=1e-4)
    assert block.tensors["categorical"].shape == (1, 90, 70)


def test_rows_that_are_not_as_declared_are_named_with_both_sides():
    specs = (TensorSpec(name="grid", dtype="float32", shape=(2, 3)), TensorSpec(name="city", dtype="string"))
    grid, city = np.zeros((4, 2, 3), np.float32), np.array([b"a"] * 4, object)
    check_tensors(specs, {"grid": grid, "city": city})
    for tensors, message in (
        (
            {"grid": grid.astype(float), "city": city},
            r"'grid' is float32 \[2, 3\] in .*, and float64 \[2, 3\]",
        ),
        ({"grid": grid[:, :1], "city": city}, r"'grid' is float32 \[2, 3\] in .* contract, and float32 \[1, 3\] in"),
        ({"grid": grid}, r"'city' is string \[\] in the store's contract, and missing in the rows"),
    ):
        with pytest.raises(ValueError, match=message):
            check_tensors(specs, tensors)
