"""What may be searched within the folds of a cross-validation, and when two have the same rows."""

from __future__ import annotations

import pytest

from pipeline.config.load import parse_config
from pipeline.config.split import FoldConfig
from pipeline.errors import ConfigError
from pipeline.preparation.listing.source import Source
from pipeline.preparation.planning.feature_plan import plan_features
from pipeline.preparation.planning.store_spec import StoreSpec
from pipeline.preparation.writing.fold_spec import FoldsSpec
from pipeline.schemas.document import fingerprint
from pipeline.stages.nested import check_nested

PLAIN = {"name": "test", "data": {"source": {"sample": "iris"}, "label": "species"}, "crossval": {"nested": True}}


@pytest.mark.parametrize("name", ["seed", "split.fractions.test", "data.filter"])
def test_settings_that_move_rows_between_folds_cannot_be_searched_within_them(name):
    rate = {"train.optimizer.learning_rate": {"choice": [0.1, 0.01]}}
    check_nested(parse_config({**PLAIN, "search": {"space": rate}}))
    values = {"choice": ["petal_width > 1", None] if name == "data.filter" else [0, 1]}
    if name.startswith("split"):
        values = {"choice": [0.1]}
    with pytest.raises(ConfigError, match=rf"search\.space has {name}, which would change the rows that are held out"):
        check_nested(parse_config({**PLAIN, "search": {"space": {**rate, name: values}}}))


def division_of(source: Source, columns: list[str], **roles: str) -> str:
    content = {"name": "test", "data": {"source": {"sample": "iris"}, "label": "species", **roles}}
    content["features"] = {"numeric": [{"columns": columns}]}
    store_spec = StoreSpec.of(parse_config(content))
    plan = plan_features(store_spec.features, columns, {}, store_spec.roles)
    return FoldsSpec(store_spec, FoldConfig()).folds_id(source, plan)


def test_without_a_key_other_features_are_other_folds():
    source = Source("iris", "csv", fingerprint("iris"))
    one, both = ["petal_width"], ["petal_width", "petal_length"]
    assert division_of(source, one) != division_of(source, both)
    assert division_of(source, one) == division_of(source, one)
    assert division_of(source, one, key="flower") == division_of(source, both, key="flower")
    assert division_of(source, one, group="plot") == division_of(source, both, group="plot")
