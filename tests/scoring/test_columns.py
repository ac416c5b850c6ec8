"""Which columns an output has, and names that it cannot have twice."""

from __future__ import annotations

import pytest

from pipeline.config.score import ScoreConfig
from pipeline.errors import ConfigError
from pipeline.schemas.label import LabelSpec
from pipeline.scoring.columns import output_columns

PRICE = LabelSpec(name="price", task="regression")
INCOME = LabelSpec(name="income", task="binary", classes=("<=50K", ">50K"))
NAMES = ("id", "age", "score_a", "score_b", "")


def columns_for(label: LabelSpec = PRICE, names: tuple[str, ...] = NAMES, **settings: object):
    return output_columns(ScoreConfig(**settings), names, key=("id",), label=label)


def test_answers_are_named_like_those_of_the_logged_model():
    assert PRICE.prediction_columns == ("prediction",)
    assert INCOME.prediction_columns == ("label", "probability_<=50K", "probability_>50K")


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (["*"], ("id", "age", "score_a", "score_b")),
        ([], ("id",)),
        (["score_*"], ("id", "score_a", "score_b")),
        ("age", ("id", "age")),
    ],
)
def test_the_key_and_what_is_named_or_fits_a_pattern_is_kept_in_the_order_of_the_source(keep, kept):
    columns = columns_for(keep=keep)
    assert columns.kept == kept
    assert columns.names == (*kept, "prediction", "model_version")


def test_an_entry_that_fits_nothing_is_named():
    with pytest.raises(ConfigError, match=r"'agee' in score.keep matches no column of the source\. Allowed: id, age"):
        columns_for(keep=["agee"])


def test_a_name_is_never_given_twice_and_a_prefix_helps():
    with pytest.raises(ConfigError) as raised:
        columns_for(INCOME, ("Label", "age", "AGE", "model_version"))
    message = str(raised.value)
    assert message.startswith("The output cannot have these columns (3 problems):")
    assert (
        "'Label' would be the name of the model's prediction and a column of the source. Allowed: different" in message
    )
    assert "'age' would be the name of two columns. Allowed: different names. Received: age and AGE" in message
    columns = columns_for(INCOME, ("label",), prefix="new_", keep=["*"])
    assert columns.names == ("label", "new_label", "new_probability_<=50K", "new_probability_>50K", "new_model_version")


def test_delta_has_narrower_names():
    with pytest.raises(ConfigError, match=r"A Delta table cannot have the column 'net worth'\. Allowed: names without"):
        columns_for(names=("net worth",), format="delta")
    assert columns_for(names=("net worth",)).kept == ("net worth",)


def test_rows_are_named_once():
    with pytest.raises(ValueError, match="give path or source, not both"):
        ScoreConfig(path="a.csv", source={"path": "b.csv"})
