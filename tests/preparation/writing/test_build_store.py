"""A store is complete, the same for the same rows, and absent where something is wrong."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PythonException

from pipeline.errors import DataError, StoreError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.writing import write_rows as write
from pipeline.runtime.spark_errors import explain_spark_error
from pipeline.schemas.store_schema import ROW_ID
from pipeline.store.filesystem import storage_path
from pipeline.store.store import open_store
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 2000


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": random.normal(size=rows),
            "c": random.choice(["a", "b", None], rows),
            "y": random.normal(size=rows),
        }
    )


def digests(store) -> dict[str, str]:
    return {file.path: file.sha256 for split in store.manifest.splits.values() for file in split.files}


def test_every_row_is_in_one_file_and_the_manifest_tells_the_truth(spark, tmp_path):
    table().to_parquet(tmp_path / "t.parquet")
    store = build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"], categorical=["c"], key="id"), tmp_path / "r")
    assert sum(store.manifest.rows.values()) == ROWS
    assert rows_of(store)[ROW_ID].nunique() == ROWS
    assert store.manifest.shards == 16
    for split, entry in store.manifest.splits.items():
        assert entry.rows == sum(file.rows for file in entry.files)
        assert sum(entry.shard_rows(16)) == entry.rows
        for file in entry.files:
            path = Path(store.path.path, file.path)
            assert file.path == f"{split}/shard-{file.shard:02d}-000.parquet"
            assert (path.stat().st_size, pq.read_metadata(path).num_rows) == (file.bytes, file.rows)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
            assert sum(file.row_groups) == file.rows
    schema = pq.read_schema(Path(store.path.path, entry.files[0].path))
    assert schema.names == [column.name for column in store.contract.columns]
    assert [
        str(kind).replace("double", "float64").replace("float", "float32").replace("float3264", "float64")
        for kind in schema.types
    ] == [column.type for column in store.contract.columns]


def test_the_same_rows_give_the_same_bytes(spark, tmp_path):
    frame = pd.concat([table(), table().head(50)])
    frame.to_parquet(tmp_path / "one.parquet")
    parts = tmp_path / "parts.parquet"
    parts.mkdir()
    shuffled = frame.sample(frac=1.0, random_state=3)
    for i in range(5):
        shuffled.iloc[i::5].to_parquet(parts / f"{i}.parquet", row_group_size=100)
    stores = [
        build(spark, spec_for(path, numeric=["x"], categorical=["c"]), tmp_path / root)
        for path, root in ((tmp_path / "one.parquet", "r1"), (parts, "r2"), (tmp_path / "one.parquet", "r3"))
    ]
    assert digests(stores[0]) == digests(stores[1]) == digests(stores[2])
    assert stores[0].manifest == stores[2].manifest
    assert stores[0].manifest.documents == stores[1].manifest.documents


def test_files_hold_row_groups_of_the_wanted_size(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "ROWS_PER_GROUP", 2048)
    monkeypatch.setattr("pipeline.preparation.writing.build_store.shards_for", lambda rows: 1)
    table(12_000).to_parquet(tmp_path / "t.parquet")
    store = build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"], categorical=["c"]), tmp_path / "r")
    (file,) = store.split("train").files
    *full, last = file.row_groups
    assert len(full) > 1
    assert all(0.9 * 2048 < rows < 1.1 * 2048 for rows in full)
    assert last < 1.1 * 2048


def test_a_split_without_a_share_has_no_file(spark, tmp_path):
    table(100).to_parquet(tmp_path / "t.parquet")
    fractions = {"train": 0.8, "validation": 0.0, "test": 0.2}
    store = build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"], fractions=fractions), tmp_path / "r")
    assert store.split("validation").files == ()
    assert store.manifest.rows["validation"] == 0
    assert store.manifest.shards == 4


ODD = ["a.b", "c d", "größe", "back`tick", 'q"x,y;{}', "select"]


def test_any_column_name_reaches_the_store(spark, tmp_path):
    frame = table(100).rename(columns={"x": ODD[0], "c": ODD[1], "y": ODD[3], "id": ODD[4]})
    frame[ODD[2]], frame[ODD[5]] = np.arange(100.0), ["one", "two"] * 50
    frame.to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(
        tmp_path / "t.parquet", label=ODD[3], numeric=[ODD[0], ODD[2]], categorical=[ODD[1], ODD[5]], key=ODD[4]
    )
    rows = rows_of(build(spark, store_spec, tmp_path / "r"))
    assert set(ODD) - {ODD[4]} < set(rows.columns)
    assert sorted(rows[ODD[3]]) == sorted(frame[ODD[3]])


def test_the_name_of_a_store_follows_from_content_and_spec(spark, tmp_path):
    table(50).to_parquet(tmp_path / "t.parquet")
    root = storage_path(str(tmp_path / "r"))

    def identity(**settings) -> str:
        store_spec = spec_for(tmp_path / "t.parquet", **{"numeric": ["x"], **settings})
        return store_spec.store_id(open_source(spark, store_spec.data.source, root))

    first = identity()
    assert first == identity()
    others = [identity(seed=1), identity(numeric=["x", "id"]), identity(key="id"), identity(target="none")]
    assert len({first, *others}) == 5
    table(60).to_parquet(tmp_path / "t.parquet")
    assert identity() not in {first, *others}


def problem_of(spark, tmp_path, content: str, **settings) -> str:
    (tmp_path / "t.csv").write_text(content)
    store_spec = spec_for(tmp_path / "t.csv", **settings)
    with pytest.raises(DataError) as raised:
        build(spark, store_spec, tmp_path / "r")
    assert not (tmp_path / "r" / "stores").exists()
    assert not list((tmp_path / "r").glob("scratch/*"))
    return str(raised.value)


def lines(*extra: str, rows: int = 60) -> str:
    return "\n".join(["x,c,y", *(f"{i},a,{i % 7}" for i in range(rows)), *extra]) + "\n"


def test_bad_texts_and_malformed_lines_are_named_together(spark, tmp_path):
    content = lines("two,b,1", "n/a,b,1", "1;5,b,1", "7d,b,1", "1,2", "1,2,3,4")
    assert problem_of(spark, tmp_path, content, numeric=["x"]) == (
        "The data does not meet the configuration (2 problems):\n"
        "  - 2 lines are malformed (first in 't.csv', line 66). Allowed: valid text of as many fields as the first "
        "line names. Received: '1,2'. Repair them, correct data.source.encoding where the text is garbled, "
        "set data.source.multiline: true where quoted fields hold line breaks, or "
        "allow some in data.bad_rows.\n"
        "  - Column 'x' is not a number in 4 rows (first in 't.csv', line 62). Received: 'two'. Repair the data, list "
        "the text in data.source.null_values, make the column categorical, or allow some in data.bad_rows."
    )


def test_truth_values_and_odd_numbers_are_numbers(spark, tmp_path):
    (tmp_path / "t.csv").write_text(lines(" 1.5e2 ,a,1", "TRUE,a,2", "false,a,3", "-.5,a,4", ",a,5", "NA,a,6"))
    store = build(spark, spec_for(tmp_path / "t.csv", numeric=[{"columns": ["x"], "scale": "none"}]), tmp_path / "r")
    assert {150.0, 1.0, 0.0, -0.5} <= set(rows_of(store).x)


def test_values_that_break_the_configuration_are_named_together(spark, tmp_path):
    good = "".join(f"{i},k{i},{i % 7}\n" for i in range(60))
    content = f"x,key,y\n{good}NaN,,\ninf,,NA\n,,infinity\n"
    groups = [{"columns": ["x"], "impute": "error"}]
    assert problem_of(spark, tmp_path, content, numeric=groups, key="key") == (
        "The data does not meet the configuration (5 problems):\n"
        "  - Key 'key' is null in 3 of 63 rows (first in 't.csv', line 62). Fill it, or choose other columns for "
        "data.key.\n"
        "  - Label 'y' is null in 2 of 63 rows (first in 't.csv', line 62). Fill their labels, or set "
        "data.label_nulls: drop, which leaves these rows out.\n"
        "  - Label 'y' is NaN or infinite in 1 of 63 rows (first in 't.csv', line 64). Fill their labels, or "
        "set data.label_nulls: drop, which leaves these rows out.\n"
        "  - Column 'x' is NaN or infinite in 2 rows (first in 't.csv', line 62). Repair them, set not_finite: null "
        "for this column, or list the text in data.source.null_values.\n"
        "  - Column 'x' is null in 1 row, and impute is 'error' (first in 't.csv', line 64). Fill them, or set "
        "impute: mean, median, mode or constant."
    )


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("x,c,y\n", {}, "The source has columns and no row. Correct data.source."),
        (
            lines(),
            {"filter": "x > 1000000"},
            "No row is left: data.filter leaves out 60 rows of the source. Correct data.filter.",
        ),
        (
            lines("1,a,many"),
            {},
            "Label 'y' is a number in 60 rows and text in 1. "
            "Set data.task: regression to be shown the texts, and to set them aside up to data.bad_rows.budget, or "
            "binary or multiclass if they are classes.",
        ),
        (
            lines("1,a,many"),
            {"task": "regression"},
            "Label 'y' is not a number in 1 of 61 rows (first in 't.csv', line 62). Received: 'many'. Repair the data, "
            "allow some in data.bad_rows, set data.source.decimal or thousands where numbers are written with them, or "
            "set data.task: binary or multiclass.",
        ),
        (
            lines(),
            {"task": "binary"},
            "Label 'y' has 7 classes, such as '0', '1', '2', '3', '4'. Allowed: two. Received: 7. "
            "Set data.task: multiclass.",
        ),
        (
            lines().replace("a,", "a,same"),
            {"label": "c", "numeric": ["x"]},
            "Label 'c' has one class only, 'a'. Allowed: two or more. Give rows of other classes.",
        ),
        (
            lines("1,b,0"),
            {"label": "c", "seed": 3},
            "Label 'c' has a class that no training row has, 'b'. Received: 1 in test. "
            "Give more rows of it, remove it, or change the seed.",
        ),
        (
            lines().replace(",a,", ",a,1"),
            {"label": "c", "positive_class": "b", "task": "binary"},
            "Label 'c' has one class only, 'a'. Allowed: two or more. Give rows of other classes.",
        ),
        (
            "x,c,y\n" + "".join(f"{i},a,5\n" for i in range(60)),
            {},
            "Label 'y' is 5 in every training row. Correct data.label.",
        ),
        (
            lines("1,a,-1"),
            {"target": "log"},
            "Label 'y' is -1 or less in 1 row, where log1p is not defined (first in 't.csv', line 62). "
            "Set features.target.transform: standard or power.",
        ),
        (
            "x,c,y\n1,a,1\n2,a,2\n",
            {"fractions": {"train": 0.98, "validation": 0.01, "test": 0.01}},
            "The data does not meet the configuration (2 problems):\n"
            "  - Split 'validation' gets none of 2 rows, for a share of 0.01. "
            "Give more rows, keys or groups, or a larger share in split.fractions.\n"
            "  - Split 'test' gets none of 2 rows, for a share of 0.01. "
            "Give more rows, keys or groups, or a larger share in split.fractions.",
        ),
        (
            "x,c,y\n" + "".join(f",a,{i}\n" for i in range(60)),
            {},
            "Column 'x' has no number in any training row. Leave it out.",
        ),
        (
            lines("1,b,0", "2,b,0", "3,b,0", "4,b,0", "5,b,0", "6,b,0"),
            {"label": "c", "positive_class": "B"},
            "Label 'c' has no class 'B'. Known: a, b.",
        ),
        (
            lines(),
            {"positive_class": "1", "task": "multiclass"},
            "data.positive_class is for two classes. Allowed: two. Received: 7. Leave it out.",
        ),
    ],
)
def test_every_message(spark, tmp_path, content, settings, message):
    assert problem_of(spark, tmp_path, content, **{"numeric": ["x"], **settings}) == message


def test_a_column_of_no_usable_type(spark, tmp_path):
    pd.DataFrame({"x": [[1], [2]], "y": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(
        DataError, match=r"Column 'x' has no usable type\. Allowed: a number, .* Received: list<element: int64>"
    ):
        build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"]), tmp_path / "r")


def test_a_file_that_is_damaged_inside_publishes_nothing(spark, tmp_path):
    table().to_parquet(tmp_path / "t.parquet")
    chunk = pq.read_metadata(tmp_path / "t.parquet").row_group(0).column(1)
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(PythonException) as raised:
        build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"]), tmp_path / "r")
    found = explain_spark_error(raised.value)
    assert isinstance(found, DataError)
    assert re.fullmatch(
        r"File 'file:.*t\.parquet' cannot be read: .*\. Rewrite the file, or leave it out\.", f"{found}"
    )
    assert not (tmp_path / "r" / "stores").exists()


def test_a_source_that_changes_meanwhile_is_refused(spark, tmp_path, monkeypatch):
    table(100).to_parquet(tmp_path / "t.parquet")
    written = write.write_rows

    def write_and_touch(*args, **settings):
        (tmp_path / "t.parquet").touch()
        return written(*args, **settings)

    monkeypatch.setattr("pipeline.preparation.writing.build_store.write_rows", write_and_touch)
    with pytest.raises(DataError, match=r"t\.parquet' changed while it was read\. Run the job again\."):
        build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"]), tmp_path / "r")
    assert not (tmp_path / "r" / "stores").exists()


def test_constant_columns_are_scaled_by_one_and_named_where_they_are_kept(spark, tmp_path, caplog):
    table(100).assign(k=7.0).to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(tmp_path / "t.parquet", numeric=["k", "x"], features={"drop": False})
    store = build(spark, store_spec, tmp_path / "r")
    assert (store.features.numeric[0].center, store.features.numeric[0].scale) == (7.0, 1.0)
    assert "Column 'k' is 7.0 in every training row" in caplog.text


def test_many_equal_rows_without_a_key_are_warned_of(spark, tmp_path, caplog):
    pd.DataFrame({"x": [0.0, 1.0, 2.0] * 400, "y": [1.0, 2.0, 3.0] * 400}).to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(
        tmp_path / "t.parquet", numeric=["x"], seed=3, fractions={"train": 0.8, "validation": 0.0, "test": 0.2}
    )
    build(spark, store_spec, tmp_path / "r")
    assert "many rows are equal in all columns used; set data.key" in caplog.text


def test_an_altered_file_is_found_on_opening(spark, tmp_path):
    table(100).to_parquet(tmp_path / "t.parquet")
    store = build(spark, spec_for(tmp_path / "t.parquet", numeric=["x"]), tmp_path / "r")
    file = store.split("train").files[0]
    Path(store.path.path, file.path).write_bytes(b"short")
    with pytest.raises(
        StoreError, match=rf"'{file.path}' was altered\. Allowed: {file.bytes} bytes\. Received: 5 bytes"
    ):
        open_store(store.path)
