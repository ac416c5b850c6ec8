"""Columns that tell nothing, or too much, are left out and named; those that only look alike stay."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

NUMBERS = [
    "constant",
    "x",
    "same",
    "reversed",
    "gaps",
    "same_gaps",
    "other_gaps",
    "nothing_or_one",
    "copy",
    "empty",
    "also_empty",
]
TEXTS = ["word", "same_word", "turned_word", "one_word", "word_or_null"]


@pytest.fixture
def path(tmp_path):
    random = np.random.default_rng(2)
    x = random.normal(size=200)
    gaps, others = np.where(random.random(200) < 0.2, np.nan, x), np.where(random.random(200) < 0.2, np.nan, x)
    word = random.choice(["a", "b"], 200)
    y = random.normal(size=200)
    frame = pd.DataFrame(
        {
            "constant": 3.0,
            "x": x,
            "same": x,
            # The same values in another order: the same statistics.
            "reversed": x[::-1],
            "gaps": gaps,
            "same_gaps": gaps,
            "other_gaps": others,
            "empty": np.nan,
            "also_empty": np.nan,
            "nothing_or_one": np.where(random.random(200) < 0.5, np.nan, 1.0),
            "copy": y,
            "word": word,
            "same_word": word,
            "turned_word": np.where(word == "a", "b", "a"),
            "one_word": "w",
            "word_or_null": np.where(random.random(200) < 0.5, "w", None),
            "y": y,
            "id": np.arange(200),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def names_of(store) -> list[str]:
    return [feature.name for feature in (*store.features.numeric, *store.features.categorical)]


def test_what_is_left_out_is_named_with_the_reason(spark, tmp_path, path, caplog):
    groups = [{"columns": NUMBERS, "impute": "constant", "fill": 0}]
    settings = {"numeric": groups, "categorical": TEXTS, "key": "id"}
    settings["fractions"] = {"train": 1.0, "validation": 0.0, "test": 0.0}
    store = build(spark, spec_for(path, **settings), tmp_path / "r")
    left_out = {"constant", "same", "same_gaps", "copy", "same_word", "one_word"}
    assert names_of(store) == [name for name in (*NUMBERS, *TEXTS) if name not in left_out]
    assert not left_out & set(rows_of(store))
    said = {record.getMessage() for record in caplog.records if record.name.endswith("redundant")}
    assert said == {
        "Column 'constant' has one value in all training rows; it is left out.",
        "Column 'one_word' has one value in all training rows; it is left out.",
        "Column 'same' equals the column 'x' in all training rows; it is left out.",
        "Column 'same_gaps' equals the column 'gaps' in all training rows; it is left out.",
        "Column 'same_word' equals the column 'word' in all training rows; it is left out.",
        "Column 'copy' equals the label 'y' in all training rows; it is left out.",
    }


def test_each_reason_can_be_switched_off(spark, tmp_path, path):
    drop = {"constant": False, "identical": True, "label": False}
    store_spec = spec_for(path, numeric=["constant", "x", "same", "copy"], key="id", features={"drop": drop})
    assert names_of(build(spark, store_spec, tmp_path / "r")) == ["constant", "x", "copy"]


def test_a_text_that_is_the_label(spark, tmp_path, path, caplog):
    store_spec = spec_for(path, label="word", numeric=["x"], categorical=["same_word", "turned_word"], key="id")
    assert names_of(build(spark, store_spec, tmp_path / "r")) == ["x", "turned_word"]
    assert "Column 'same_word' equals the label 'word' in all training rows" in caplog.text


def test_nothing_that_is_left(spark, tmp_path, path):
    with pytest.raises(DataError, match=r"No feature column is left\. Name others under features"):
        build(spark, spec_for(path, numeric=["constant", "copy"], key="id"), tmp_path / "r")
