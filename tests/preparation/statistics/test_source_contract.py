"""The contract of a source: inferred by the first run, enforced by the next ones."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.config.load import parse_config
from pipeline.config.source import SourceConfig
from pipeline.errors import DataError
from pipeline.preparation.listing.source import open_source
from pipeline.preparation.planning.open_dataset import open_dataset
from pipeline.preparation.reading.open_table import open_table
from pipeline.preparation.rows.contract_checks import check_columns
from pipeline.schemas.source_contract import ColumnTerms, KeptContract, SourceContract
from pipeline.store.filesystem import storage_path
from pipeline.store.table import read_contract
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 120


def people(rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "height": random.normal(170, 9, rows).round(1),
            "job": random.choice(["cook", "smith", None], rows),
            "since": pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d"),
            "member": random.choice(["true", "false"], rows),
            "y": random.normal(size=rows),
        }
    )


def kept(**columns: ColumnTerms) -> KeptContract:
    return KeptContract(SourceContract(columns=columns), "conf/people.yaml")


def config(tmp_path, **data):
    content = {"source": {"path": str(tmp_path / "t.csv")}, "label": "y", **data}
    tracked = {"enabled": False}
    return parse_config({"name": "people", "storage": {"root": f"{tmp_path}/r"}, "data": content, "track": tracked})


def test_the_first_run_infers_and_the_next_ones_enforce(spark, tmp_path):
    from pipeline.stages.prepare import prepare

    people().to_csv(tmp_path / "t.csv", index=False)
    first = prepare(config(tmp_path), spark=spark)
    contract = read_contract(storage_path(f"{tmp_path}/r/contracts/people.yaml"))
    terms = contract.table.columns
    assert {name: (each.type, each.nullable) for name, each in terms.items()} == {
        "age": ("integer", False),
        "height": ("number", False),
        "job": ("text", True),
        "since": ("date", False),
        "member": ("boolean", False),
        "y": ("number", False),
    }
    assert list(terms) == list(people().columns)
    assert (terms["age"].seen.min, terms["age"].seen.max) == (people().age.min(), people().age.max())
    assert (terms["job"].seen.nulls, sorted(terms["job"].seen.values)) == (people().job.isna().sum(), ["cook", "smith"])
    assert not any(each.min or each.max or each.allowed for each in terms.values())

    again = prepare(config(tmp_path), spark=spark)
    assert (again.reused, again.store_id) == (True, first.store_id)
    path = tmp_path / "r/contracts/people.yaml"
    text = path.read_text()
    path.write_text(text.replace("  age:\n", "  age:\n    unit: years\n    description: at the interview\n"))
    assert prepare(config(tmp_path), spark=spark).store_id == first.store_id

    path.write_text(text.replace("  age:\n", "  age:\n    min: 79\n"))
    below = rf"Column 'age' is below 79 in \d+ of {ROWS} rows \(first in 't\.csv', line 2\)\. Allowed: at least 79\."
    with pytest.raises(DataError, match=below):
        prepare(config(tmp_path), spark=spark)
    assert prepare(config(tmp_path, contract="none"), spark=spark).store_id == first.store_id
    path.unlink()
    assert prepare(config(tmp_path), spark=spark).reused
    assert path.read_text() == text


def test_the_difference_is_a_table(spark, tmp_path):
    frame = people(3).rename(columns={"height": "hight", "job": "Job"}).drop(columns="since").assign(age=1.5, more=1)
    frame.to_parquet(tmp_path / "t.parquet")
    found = open_source(spark, SourceConfig(path=str(tmp_path / "t.parquet")), storage_path(str(tmp_path)))
    table = open_table(spark, found, SourceConfig(path=str(tmp_path / "t.parquet")))
    types = {"age": "integer", "height": "number", "job": "text", "since": "date", "member": "text", "y": "number"}
    contract = kept(**{name: ColumnTerms(type=kind) for name, kind in types.items()})
    with pytest.raises(DataError) as raised:
        check_columns(contract, table)
    assert str(raised.value) == (
        "The source does not match its contract (4 of 6 columns):\n"
        "  column  in the contract  in the source  what\n"
        "  age     integer          number         retyped\n"
        "  height  number           hight          renamed?\n"
        "  job     text             Job            differs by case\n"
        "  since   date             -              missing\n"
        "Correct the source, or edit the contract 'conf/people.yaml', or delete it: the next run then writes it anew."
    )
    twice = replace(table, names=("y", "age", "y"))
    with pytest.raises(DataError, match=r"  y       number           2 times        duplicated\n"):
        check_columns(kept(y=ColumnTerms(type="number")), twice)
    many = kept(**{f"c{i}": ColumnTerms(type="text") for i in range(25)})
    with pytest.raises(DataError, match=r"(?s)25 of 25.*\n  c19 .*\n  \.\.\. and 5 more\.\nCorrect"):
        check_columns(many, table)


def test_other_orders_and_more_columns_are_fine(spark, tmp_path, caplog):
    frame = people(3)[["y", "age", "height"]].assign(more=1, age=1)
    frame.to_parquet(tmp_path / "t.parquet")
    contract = kept(age=ColumnTerms(type="number"), y=ColumnTerms(type="number"))
    store_spec = replace(spec_for(tmp_path / "t.parquet"), contract=contract)
    with caplog.at_level(logging.INFO, logger="pipeline"):
        opened = open_dataset(
            spark, store_spec, open_source(spark, store_spec.data.source, storage_path(str(tmp_path)))
        )
    assert "Columns that the contract does not have: height, more." in caplog.text
    # Features without a section follow from the contract, so that a source that grows does not change the model.
    assert [feature.name for feature in opened.plan.numeric] == ["age"]
    assert "No feature is made of height, more: the contract 'conf/people.yaml' does not have them." in caplog.text


def test_the_contract_says_what_a_text_is(spark, tmp_path):
    people().assign(age=98001).to_csv(tmp_path / "t.csv", index=False)
    columns = {"age": ColumnTerms(type="text"), "y": ColumnTerms(type="number")}
    store_spec = replace(spec_for(tmp_path / "t.csv"), contract=kept(**columns))
    opened = open_dataset(spark, store_spec, open_source(spark, store_spec.data.source, storage_path(str(tmp_path))))
    assert [feature.name for feature in opened.plan.categorical] == ["age"]


def test_terms_hold_for_typed_sources_too(spark, tmp_path):
    frame = people().assign(since=pd.to_datetime(people().since), member=people().member == "true")
    frame.loc[0, "since"], frame.loc[1, "height"], frame.loc[2, "height"] = pd.Timestamp("2031-01-01"), np.inf, 250.0
    frame["count"] = frame.age.astype("Int64")
    frame.loc[3, "count"] = None
    frame.to_parquet(tmp_path / "t.parquet", coerce_timestamps="us")
    contract = kept(
        since=ColumnTerms(type="timestamp", max="2030-12-31"),
        height=ColumnTerms(type="number", max=249.5),
        count=ColumnTerms(type="integer", nullable=False, max=100),
        member=ColumnTerms(type="boolean", allowed=(True, False)),
        job=ColumnTerms(type="text", allowed=("cook", "smith")),
    )
    groups = [{"columns": ["height"], "not_finite": "null"}, {"columns": ["count", "member"]}]
    store_spec = spec_for(
        tmp_path / "t.parquet", numeric=groups, categorical=["job", "since"], bad_rows={"budget": 3}, contract="none"
    )
    store = build(spark, replace(store_spec, contract=contract), tmp_path / "r")
    assert store.manifest.reasons == {
        "column 'count' is null": 1,
        "column 'height' is above 249.5": 1,
        "column 'since' is above 2030-12-31": 1,
    }
    assert len(rows_of(store)) == ROWS - 3
    source = open_source(spark, store_spec.data.source, storage_path(str(tmp_path)))
    assert store_spec.store_id(source) != store.manifest.store_id
