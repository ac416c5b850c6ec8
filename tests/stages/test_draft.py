"""One command from a file to a model: what is drafted, written, said and shown."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.config import load_config
from pipeline.config.draft import minimal_content
from pipeline.errors import ConfigError, DataError
from pipeline.runtime.progress import Progress
from pipeline.runtime.terminal import Terminal
from pipeline.stages.describe import describe
from pipeline.stages.draft import drafted_content
from pipeline.stages.init import init
from pipeline.stages.run import run

pytestmark = pytest.mark.spark

ROWS = 600


@pytest.fixture
def quiet() -> Progress:
    return Progress(Terminal(io.StringIO()))


@pytest.fixture
def customers(tmp_path, monkeypatch) -> pd.DataFrame:
    """`customers.csv` in the working folder, with a column of each kind, as pandas writes it."""
    rng = np.random.default_rng(3)
    balance = rng.normal(1000, 400, ROWS).round(2)
    rows = pd.DataFrame(
        {
            "customer_id": rng.permutation(ROWS) * 3,
            "age": np.where(rng.random(ROWS) < 0.1, np.nan, rng.integers(18, 90, ROWS)),
            "balance": balance,
            "region": rng.choice(["north", "south: #1"], ROWS),
            "opened": (pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), unit="D")).date,
            "photo": [f"img/{i}.jpg" for i in range(ROWS)],
            "comment": [f"said {i} words\nand left: #never" for i in range(ROWS)],
            "country": "DE",
            "churned": np.where(balance + rng.normal(0, 200, ROWS) < 900, "yes", "no"),
        }
    )
    rows["closed"] = np.where(rows["churned"] == "yes", 1, 0)
    rows.to_csv(tmp_path / "customers.csv")
    monkeypatch.chdir(tmp_path)
    return rows


SETTINGS = ["data.source.multiline=true"]
LEFT_OUT = {
    "": "it has no name; row names look like that",
    "photo": "it holds paths of pictures, such as 'img/0.jpg'",
    "comment": "it holds free text, such as 'said 0 words\\nand left: #never'",
    "country": "it is 'DE' in every row",
    "closed": "it predicts the label nearly perfectly (area under the ROC curve 1.0000), "
    "perhaps since it is known only with it",
}


def least(label: str = "churned", *more: str):
    return load_config(minimal_content("customers.csv", label), overrides=[*SETTINGS, *more])


def test_init_writes_a_configuration_that_runs(spark, customers, quiet, caplog):
    caplog.set_level(logging.INFO)
    result = init(least(), spark=spark, progress=quiet)
    assert (result.config, result.rows, result.left_out) == ("conf/customers.yaml", ROWS, LEFT_OUT)
    assert result.features == ("age", "balance", "region", "opened")
    config = load_config(result.config)
    assert (config.name, config.data.key) == ("customers", ("customer_id",))
    assert (config.train.batch_size, config.train.epochs) == (16, 100)
    text, age = " ".join(Path(result.config).read_text(encoding="utf-8").split()), customers["age"]
    assert " - region # text: 2 distinct, such as" in text
    assert f" - age # number: {age.isna().sum()} missing, {age.nunique()} distinct, such as" in text
    assert " # - photo # it holds paths of pictures, such as 'img/0.jpg'" in text
    lines = [record.getMessage() for record in caplog.records if record.name == "pipeline.stages.draft"]
    assert lines[0] == "Name: 'customers', after the file."
    assert lines[1].startswith("Task: binary, since the label 'churned' has 2 values, such as ")
    assert "Key: 'customer_id', by its name an identifier: rows of one key stay in one split." in lines
    assert f"Column 'country' is left out: {LEFT_OUT['country']}." in lines
    with pytest.raises(ConfigError, match=r"'conf/customers.yaml' exists\. Allowed: a new file\. Add --force"):
        init(least(), spark=spark, progress=quiet)
    assert init(least(), force=True, spark=spark, progress=quiet).config == result.config
    done = run(load_config(result.config, overrides=["train.epochs=2", "track.enabled=false"]), spark=spark)
    assert done.evaluate.classes == ("no", "yes")
    assert sum(done.prepare.rows.values()) == ROWS


def test_the_draft_of_a_run_is_what_init_writes(spark, customers, quiet):
    config = least()
    drafted = drafted_content(config, minimal_content("customers.csv", "churned"), spark=spark)
    init(config, spark=spark, progress=quiet)
    written = load_config("conf/customers.yaml")
    assert load_config(drafted, overrides=SETTINGS).data == written.data
    assert load_config(drafted).train == written.train
    names = [group.columns for group in written.features.groups]
    assert [group.columns for group in load_config(drafted).features.groups] == names


def test_features_that_are_given_are_kept(spark, customers):
    config = least("churned", "features.numeric=[{columns: [age]}]")
    drafted = drafted_content(config, minimal_content("customers.csv", "churned"), spark=spark)
    assert "features" not in drafted


def test_settings_that_are_given_are_kept(spark, customers, quiet):
    init(least("churned", "train.epochs=7"), spark=spark, progress=quiet)
    assert load_config("conf/customers.yaml").train.epochs == 7
    assert " epochs: 7 # as given" in " ".join(Path("conf/customers.yaml").read_text(encoding="utf-8").split())


def test_init_without_a_label_lists_what_may_be_it(spark, customers, quiet):
    with pytest.raises(ConfigError, match=r"^No label is given: the column to predict\. It may be churned \(2 "):
        init(least(""), spark=spark, progress=quiet)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("churn", r"^Column 'churn' \(the label\) is not in the source\. Did you mean 'churned'\?$"),
        ("country", r"^Label 'country' is 'DE' in every row: there is nothing to learn\.$"),
        ("photo", r"^Label 'photo' has another text in nearly every row \('img/.*no classes to learn\. Name a column"),
    ],
)
def test_a_label_from_which_nothing_is_learned(spark, customers, quiet, label, message):
    with pytest.raises(DataError, match=message):
        init(least(label), spark=spark, progress=quiet)


def test_labels_that_are_missing_are_dropped(spark, tmp_path, monkeypatch, quiet):
    monkeypatch.chdir(tmp_path)
    rows = pd.DataFrame({"x": np.arange(90) % 7 + 0.5, "y": np.arange(90) * 1.5})
    rows.loc[:4, "y"] = np.nan
    rows.to_parquet("t.parquet")
    init(load_config(minimal_content("t.parquet", "y")), spark=spark, progress=quiet)
    text = Path("conf/t.yaml").read_text(encoding="utf-8")
    assert " label_nulls: drop # 5 of 90 rows have no label" in " ".join(text.split())
    assert yaml.safe_load(text)["data"]["label_nulls"] == "drop"


def test_the_page_of_a_source(spark, customers, quiet):
    result = describe(least(), "page.html", spark=spark, progress=quiet)
    page = Path("page.html").read_text(encoding="utf-8")
    assert (result.rows, result.columns, result.duplicates) == (ROWS, 11, 0)
    for words in ("Relation to the label churned", "Missing values", "Left out by default", "paths of pictures"):
        assert words in page
    assert f">{customers['age'].isna().sum()}<" in page
    without = describe(least(""), spark=spark, progress=quiet)
    assert without.page.endswith("artifacts/descriptions/customers.html")
    assert "Relation to" not in Path(without.page).read_text(encoding="utf-8")


def test_the_page_needs_a_label_that_is_there(spark, customers, quiet):
    with pytest.raises(DataError, match=r"Column 'churn' \(the label\) is not in the source\. Did you mean 'churned'"):
        describe(least("churn"), spark=spark, progress=quiet)
