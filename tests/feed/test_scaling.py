"""Rows that folds share become what each fold's own store would hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import StoreError
from pipeline.evaluation.row_sample import sample_rows
from pipeline.feed.cache import MemoryCache
from pipeline.feed.memory import Resources
from pipeline.feed.reader import read_shard
from pipeline.feed.rows import COLUMNS_AT_ONCE, Rows
from pipeline.feed.scaling import fold_layout
from pipeline.kinds.bucket.fitted import BucketFeature
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.kinds.hashed.fitted import HashedFeature
from pipeline.kinds.mapped.fitted import MappedFeature
from pipeline.kinds.scaled.fitted import ScaledFeature
from pipeline.kinds.shared_fold_rows import LABEL, PART, WEIGHT
from pipeline.kinds.vocabulary.fitted import VocabularyFeature
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID
from pipeline.schemas.tokens import NULL_TOKEN
from pipeline.store.store import Store
from tests.support import kinds
from tests.support.feeds import feed_of, with_memory
from tests.support.fold_stores import joint, table_of, write_fold, write_rows

FILE, SECOND = "rows/0/shard-00-000.parquet", "rows/1/shard-01-000.parquet"
LABEL_Y = LabelSpec(name="y", task="regression")
CITY_MEAN = MappedFeature(
    name="mean",
    sources=("city",),
    vocabulary=("Ulm", NULL_TOKEN),
    values=(1.0, 2.0),
    default=0.5,
    folds=((10.0, 20.0), (30.0, 40.0)),
)
AREA = ScaledFeature(name="area", source="area", fill=2.0, center=1.0, scale=4.0)
CITY = VocabularyFeature(name="city", sources=("city",), vocabulary=("Bonn", "Ulm"))
TAGS = VocabularyFeature(name="tags", sources=("tags",), vocabulary=("pool", "bath"), separator="|", slots=2)


def state_of(*features: object, label: LabelSpec = LABEL_Y, **others: object) -> FittedFeatures:
    numeric = tuple(f for f in features if isinstance(f, (ScaledFeature, MappedFeature)))
    categorical = tuple(f for f in features if f not in numeric)
    return FittedFeatures(numeric=numeric, categorical=categorical, label=label, **others)


def cities(*names: str | None) -> list[tuple[None, str | None, None, None]]:
    return [(None, name, None, None) for name in names]


def numbers(*values: float | None) -> list[tuple[float | None, None, None, None]]:
    return [(value, None, None, None) for value in values]


def fold_of(folder: Path, state: FittedFeatures, table: pa.Table, split: str = "train", **options: object) -> Store:
    """A fold with one file, which holds what `joint` tells."""
    write_rows(folder, {FILE: table})
    return write_fold(folder, joint(state, **options), state, {split: [FILE]})


def read(store: Store, split: str = "train", shard: int = 0) -> Rows:
    (rows,) = read_shard(store, split, shard)
    return rows


@pytest.mark.parametrize("options", [{}, {"more": ("one", "two"), "slots": 5}])
def test_every_kind_of_feature_is_what_a_store_holds(tmp_path, options):
    state = kinds.every_kind()
    table = table_of(joint(state, **options), kinds.ROWS)
    rows = read(fold_of(tmp_path, state, table, **options))
    assert (rows.tensors["numeric"].dtype, rows.tensors["categorical"].dtype, rows.label.dtype) == (
        np.float32,
        np.int32,
        np.float64,
    )
    np.testing.assert_allclose(rows.tensors["numeric"], kinds.numeric_columns(), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(rows.tensors["categorical"], kinds.id_columns())
    assert rows.label.tolist() == rows.row_id.tolist() == list(range(len(kinds.ROWS)))
    assert rows.weight.tolist() == [1.0] * len(kinds.ROWS)


def test_two_folds_make_different_rows_of_the_same_files(tmp_path):
    other = state_of(
        AREA.model_copy(update={"fill": 7.0, "center": 0.0, "high": 5.0, "scale": 0.5}),
        CITY.model_copy(update={"vocabulary": ("Ulm",)}),
        TAGS.model_copy(update={"vocabulary": ("bath",), "slots": 1}),
    )
    state = state_of(AREA, CITY, TAGS)
    shared_rows = joint(state, more=("Köln",), slots=3)
    raw = [(9.0, "Ulm", None, "bath|pool|attic"), (None, "Bonn", None, None), (3.0, "Köln", None, "attic|bath")]
    write_rows(tmp_path, {FILE: table_of(shared_rows, raw)})
    first, second = (write_fold(tmp_path, shared_rows, s, {"train": [FILE]}, n) for n, s in enumerate((state, other)))
    assert read(first).tensors["numeric"].tolist() == [[2.0], [0.25], [0.5]]
    assert read(first).tensors["categorical"].tolist() == [[2, 2, 1], [1, 3, 3], [0, 0, 2]]
    assert read(second).tensors["numeric"].tolist() == [[10.0], [10.0], [6.0]]
    assert read(second).tensors["categorical"].tolist() == [[1, 1], [0, 2], [0, 0]]
    assert first.path.path != second.path.path
    assert first.file(FILE) == second.file(FILE)


def test_null_is_a_word_of_its_own_only_for_folds_that_know_it(tmp_path):
    knowing = state_of(CITY.model_copy(update={"vocabulary": ("Ulm", NULL_TOKEN)}))
    shared_rows = joint(knowing, more=("Bonn",))
    write_rows(tmp_path, {FILE: table_of(shared_rows, cities(None, "Ulm", "Bonn", "x"))})
    known = write_fold(tmp_path, shared_rows, knowing, {"train": [FILE]})
    unknown = write_fold(tmp_path, shared_rows, state_of(CITY), {"train": [FILE]}, 1)
    assert read(known).tensors["categorical"].ravel().tolist() == [2, 1, 0, 0]
    assert read(unknown).tensors["categorical"].ravel().tolist() == [0, 2, 1, 0]


def test_an_interval_includes_its_lower_edge(tmp_path):
    state = state_of(
        BucketFeature(name="bin", source="area", edges=(-1.0, 0.0, 2.5)),
        BucketFeature(name="whole", source="area", edges=()),
    )
    table = table_of(joint(state), numbers(-2.0, -1.0, -0.0, 2.4999999999999996, 2.5, None))
    rows = read(fold_of(tmp_path, state, table))
    assert [*rows.tensors] == ["categorical"]
    assert rows.tensors["categorical"].tolist() == [[1, 1], [2, 1], [3, 1], [3, 1], [4, 1], [0, 0]]


def test_training_rows_get_the_numbers_of_their_part(tmp_path):
    state = state_of(CITY_MEAN)
    shared_rows = joint(state, more=("Bonn",), has_parts=True)
    raw = cities("Ulm", "Ulm", None, "Bonn", "Köln")
    write_rows(tmp_path, {FILE: table_of(shared_rows, raw, part=[0, 1, 1, 0, 1])})
    store = write_fold(tmp_path, shared_rows, state, {"train": [FILE], "validation": [FILE], "test": [FILE]})
    assert read(store).tensors["numeric"].ravel().tolist() == [10.0, 30.0, 40.0, 0.5, 0.5]
    for split in ("validation", "test"):
        assert read(store, split).tensors["numeric"].ravel().tolist() == [1.0, 1.0, 2.0, 0.5, 0.5]


def test_one_cache_keeps_both_what_training_and_what_validation_sees(tmp_path):
    state = state_of(CITY_MEAN)
    write_rows(tmp_path, {FILE: table_of(joint(state, has_parts=True), cities("Ulm"))})
    store = write_fold(tmp_path, joint(state, has_parts=True), state, {"train": [FILE], "validation": [FILE]})
    resources = Resources(cache=MemoryCache(1 << 20))
    for _ in range(2):
        for split, number in (("train", 10.0), ("validation", 1.0)):
            (rows,) = read_shard(store, split, 0, resources=resources)
            assert rows.tensors["numeric"].tolist() == [[number]]


def test_a_given_order_needs_no_parts(tmp_path):
    state = state_of(CITY_MEAN.model_copy(update={"folds": ()}))
    rows = read(fold_of(tmp_path, state, table_of(joint(state), cities("Ulm", "x"))))
    assert rows.tensors["numeric"].ravel().tolist() == [1.0, 0.5]


def test_weights_are_divided_by_their_mean_in_the_fold(tmp_path):
    state = state_of(AREA, weight="w", weight_mean=4.0)
    shared_rows = joint(state)
    write_rows(tmp_path, {FILE: table_of(shared_rows, numbers(1.0, 1.0), weight=[1.0, 6.0])})
    assert read(write_fold(tmp_path, shared_rows, state, {"train": [FILE]})).weight.tolist() == [0.25, 1.5]
    unweighted = write_fold(tmp_path, shared_rows, state_of(AREA), {"train": [FILE]}, 1)
    assert read(unweighted).weight.tolist() == [1.0, 1.0]


def test_classes_stay_ids(tmp_path):
    label = LabelSpec(name="y", task="multiclass", classes=("a", "b", "c"))
    state = state_of(AREA, label=label)
    rows = read(fold_of(tmp_path, state, table_of(joint(state), numbers(1.0, 2.0, 3.0), label=[2, 0, -1])))
    assert rows.label.dtype == np.float64
    assert rows.label.tolist() == [2.0, 0.0, -1.0]


def test_only_what_a_fold_uses_is_read(tmp_path):
    everything = kinds.every_kind()
    shared_rows = joint(everything, has_parts=True)
    state = state_of(
        ScaledFeature(name="half", source="half area", fill=0.0),
        BucketFeature(name="bin", source="half area", edges=(1.0,)),
        next(f for f in everything.categorical if f.name == "tag_hash").model_copy(update={"slots": 1}),
    )
    layout = fold_layout(shared_rows, state, "train")
    place = [text.name for text in shared_rows.texts].index("tag_hash")
    sources = {tensor.spec.name: [column.sources for column in tensor.columns] for tensor in layout.tensors}
    assert sources == {"numeric": [("number_1",)], "categorical": [("number_1",), (f"text_{place}_0",)]}
    write_rows(tmp_path, {FILE: table_of(shared_rows, kinds.ROWS)})
    rows = read(write_fold(tmp_path, shared_rows, state, {"train": [FILE]}))
    np.testing.assert_array_equal(rows.tensors["categorical"], kinds.id_columns()[:, [8, 9]])


def test_a_row_group_of_many_columns_is_read_in_parts(tmp_path, reads):
    count = COLUMNS_AT_ONCE + 3
    columns = [AREA.model_copy(update={"name": f"x{i}", "center": float(i), "scale": 1.0}) for i in range(count)]
    state = state_of(*columns)
    store = fold_of(tmp_path, state, table_of(joint(state), numbers(*map(float, range(50)))))
    blocks = list(feed_of(store, batch=16, seed=None, resources=with_memory(20 << 10)).epoch(0))
    assert sorted((row_slice.first, row_slice.rows) for row_slice in reads) == [(0, 25), (25, 25)]
    found = np.concatenate([block.tensors["numeric"][block.weight == 1] for block in blocks])
    np.testing.assert_array_equal(found, np.arange(50)[:, None] - np.arange(count))


def numbered_fold(folder: Path, files: Sequence[str], **splits: Sequence[str]) -> Store:
    """A fold of 300 rows a file, whose label is the row's id and whose number tells it too."""
    state = state_of(AREA.model_copy(update={"center": 1.0, "scale": 2.0}), CITY)
    shared_rows, tables = joint(state), {}
    for place, name in enumerate(files):
        ids = np.arange(300 * place, 300 * (place + 1))
        raw = [(float(i), ("Bonn", "Ulm", None)[i % 3], None, None) for i in ids]
        tables[name] = table_of(shared_rows, raw, **{LABEL: ids, ROW_ID: ids})
    write_rows(folder, tables)
    return write_fold(folder, shared_rows, state, splits)


def served(store: Store, world: int, epoch: int) -> list[int]:
    """Ids of the rows of an epoch over all ranks, each row held against its id."""
    ids: list[int] = []
    for rank in range(world):
        for block in feed_of(store, world=world, rank=rank, batch=128).epoch(epoch):
            real = block.weight == 1
            label = block.label[real]
            np.testing.assert_array_equal(block.tensors["numeric"][real][:, 0], (label - 1.0) / 2.0)
            np.testing.assert_array_equal(block.tensors["categorical"][real][:, 0], (label % 3 + 1) % 3)
            ids += label.astype(int).tolist()
    return ids


@pytest.mark.parametrize("world", [1, 2])
def test_an_epoch_covers_each_row_once(tmp_path, world):
    store = numbered_fold(tmp_path, [FILE, SECOND, "rows/2/shard-01-000.parquet"], train=[FILE, SECOND])
    assert sorted(served(store, world, 0)) == list(range(600))


@pytest.mark.parametrize("world", [1, 2])
def test_a_file_that_was_drawn_twice_is_served_twice(tmp_path, world):
    store = numbered_fold(tmp_path, [FILE, SECOND], train=[FILE, SECOND, SECOND])
    for epoch in range(2):
        assert sorted(served(store, world, epoch)) == sorted([*range(300), *range(300, 600), *range(300, 600)])


def test_a_sample_for_simple_models_is_scaled_too(tmp_path):
    store = numbered_fold(tmp_path, [FILE], train=[FILE])
    rows = next(sample_rows(store, "train", 10))
    np.testing.assert_array_equal(rows.tensors["numeric"][:, 0], (np.arange(len(rows)) - 1.0) / 2.0)


def replaced(table: pa.Table, name: str, values: object, kind: pa.DataType | None = None) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind or table[name].type))


EVERY = state_of(AREA, CITY_MEAN, CITY, TAGS, weight="w")
COLUMN = {name: f"text_{place}" for place, name in enumerate(("mean", "city", "tags"))}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.drop(["number_0"]),
            "column 'number_0' is float64 in the contract, and no such column in the file",
        ),
        (lambda t: t.drop([ROW_ID]), "column '__row_id' is int64 in the contract, and no such column in the file"),
        (lambda t: replaced(t, "number_0", [1.0, 2.0], pa.float32()), "'number_0' is float64 in the contract, and flo"),
        (lambda t: replaced(t, COLUMN["city"], [1, 1], pa.int64()), "'text_1' is int32 in the contract, and int64 in"),
        (lambda t: replaced(t, "number_0", [1.0, None]), "column 'number_0' has 1 nulls, and a store has none"),
        (lambda t: replaced(t, COLUMN["mean"], [None, None]), "column 'text_0' has 2 nulls, and a store has none"),
        (lambda t: replaced(t, WEIGHT, [None, 1.0]), "column 'weight' has 1 nulls"),
        (lambda t: replaced(t, LABEL, [None, 1.0]), "column 'label' has 1 nulls"),
        (lambda t: replaced(t, COLUMN["city"], [3, 0]), "column 'text_1' has an id that is not in 0 to 2"),
        (lambda t: replaced(t, COLUMN["city"], [0, -1]), "column 'text_1' has an id that is not in 0 to 2"),
        (lambda t: replaced(t, COLUMN["tags"] + "_1", [4, 0]), "column 'text_2_1' has an id that is not in 0 to 3"),
        (
            lambda t: replaced(t, COLUMN["mean"], [3, 0]),
            "column 'text_0' has an id that is not in 0 to 2, or 'part' on",
        ),
        (lambda t: replaced(t, PART, [0, 2]), "or 'part' one that is not in 0 to 1"),
        (lambda t: replaced(t, PART, [-1, 0]), "or 'part' one that is not in 0 to 1"),
    ],
)
def test_a_column_that_is_not_what_was_told_is_named(tmp_path, change, message):
    table = table_of(joint(EVERY, has_parts=True), [(1.0, "Ulm", None, "pool")] * 2, weight=[1.0, 1.0])
    store = fold_of(tmp_path, EVERY, change(table), has_parts=True)
    with pytest.raises(StoreError, match=f"{FILE} cannot be read: .*{message}"):
        read(store)


@pytest.mark.parametrize(
    ("change", "values"),
    [({"fill": None}, [1.0, None, None]), ({"shape": "log1p"}, [1.0, -1.0, -2.0])],
)
def test_a_number_that_would_be_null_is_named(tmp_path, change, values):
    state = state_of(AREA.model_copy(update=change))
    store = fold_of(tmp_path, state, table_of(joint(state), numbers(*values)))
    with pytest.raises(StoreError, match="column 'area' would have 2 nulls, and a store has none"):
        read(store)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"numbers": ()}, "Feature 'area': the rows have no number 'area'. Prepare the folds again."),
        ({"texts": ()}, r"\(3 problems\):\n.*Feature 'mean': the rows have no text of that name"),
        ({"has_parts": False}, "Feature 'mean': the rows have no column 'part'"),
        ({"weighted": False}, "Weight 'w': the rows have no weights"),
        ({"task": "binary"}, "Label 'y'. Allowed: binary. Received: regression"),
    ],
)
def test_features_that_the_rows_have_nothing_for_are_named(tmp_path, change, message):
    shared_rows = joint(EVERY, has_parts=True)
    write_rows(tmp_path, {FILE: table_of(shared_rows, cities("Ulm"), weight=[1.0])})
    store = write_fold(tmp_path, shared_rows.model_copy(update=change), EVERY, {"train": [FILE]})
    with pytest.raises(StoreError, match=f"Store .*/fold-0: (?s:.*){message}"):
        read(store)


HASHED = HashedFeature(name="hash", sources=("city",), buckets=5)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (CITY, {"vocabulary": ("Bonn", "Ulm", "Köln")}),
        (CITY, {"separator": "|", "slots": 1}),
        (TAGS, {"slots": 3}),
        (TAGS, {"separator": None, "slots": 1}),
        (TAGS, {"separator": ";"}),
        (HASHED, {"buckets": 6}),
    ],
)
def test_texts_that_do_not_tell_a_folds_values_apart_are_named(stored, asked):
    shared_rows, state = joint(state_of(stored)), state_of(stored.model_copy(update=asked))
    fold_layout(shared_rows, state_of(stored), "train")
    with pytest.raises(
        StoreError, match=f"'{stored.name}': the rows' text has other values, slots or another separato"
    ):
        fold_layout(shared_rows, state, "train")


@pytest.mark.parametrize(
    "feature", [CITY_MEAN.model_copy(update={"name": "hash"}), CITY.model_copy(update={"name": "hash"})]
)
def test_a_hash_is_no_vocabulary(feature):
    with pytest.raises(StoreError, match="'hash': the rows' text has other values"):
        fold_layout(joint(state_of(HASHED)), state_of(feature), "train")
