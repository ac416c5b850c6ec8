"""The columns that a division needs."""

from __future__ import annotations

from pipeline.config.data import DataConfig
from pipeline.config.split import FoldConfig, SplitConfig
from pipeline.preparation.planning.resolve_split import needed_columns


def test_only_columns_that_decide_are_needed():
    data = DataConfig(source={"sample": "iris"}, label="y", key="k", group=["g", "h"], time="t")
    assert needed_columns(SplitConfig(), data) == ("g", "h")
    assert needed_columns(SplitConfig(method="stratified"), data) == ("g", "h", "y")
    assert needed_columns(SplitConfig(method="stratified", by=["a", "g"]), data) == ("g", "h", "a")
    assert needed_columns(FoldConfig(method="time"), data) == ("g", "h", "t")
    values = {"train": ["a"], "test": ["b"]}
    assert needed_columns(SplitConfig(method="column", column="c", values=values), data) == ("g", "h", "c")
