"""The first stage as jobs and notebooks call it."""

from __future__ import annotations

import pytest

from pipeline.config.load import load_config
from pipeline.errors import StoreError
from pipeline.preparation.planning.store_spec import StoreSpec

pytestmark = pytest.mark.spark


def config_of(repository, tmp_path, name: str, *overrides: str):
    return load_config(
        repository / "conf" / f"{name}.yaml",
        overrides=[f"storage.root={tmp_path}", "track.enabled=false", "train.workers=1", *overrides],
    )


def test_preparing_twice_is_preparing_once(spark, tmp_path, repository):
    from pipeline.stages.prepare import prepare

    config = config_of(repository, tmp_path, "bank", "data.source.rows=3000")
    first, second = prepare(config, spark=spark), prepare(config, spark=spark)
    assert (first.reused, second.reused) == (False, True)
    assert (first.store, first.store_id, first.rows) == (second.store, second.store_id, second.rows)
    assert sum(first.rows.values()) == 3000
    other = prepare(config.model_copy(update={"seed": 1}), spark=spark)
    assert other.store_id != first.store_id
    assert {path.name for path in tmp_path.glob("stores/bank/*")} == {first.store_id, other.store_id}


def test_how_a_source_is_read_and_what_a_filter_leaves_out_is_said_once(spark, tmp_path, caplog):
    from pipeline.config.load import parse_config
    from pipeline.stages.prepare import prepare

    folder = tmp_path / "in"
    folder.mkdir()
    for part in range(2):
        lines = [f"{i},{i % 7}" for i in range(part * 100, part * 100 + 100)]
        (folder / f"{part}.csv").write_text("\n".join(["x,y", *lines, ""]))
    data = {"source": {"path": str(folder)}, "label": "y", "filter": "x >= 50"}
    content = {"name": "left", "data": data, "features": {"numeric": [{"columns": ["x"]}]}, "track": {"enabled": False}}
    config = parse_config({**content, "storage": {"root": str(tmp_path / "root")}})
    with caplog.at_level("INFO", "pipeline"):
        result = prepare(config, spark=spark)

    said = [record.getMessage() for record in caplog.records]
    assert result.rows["left_out"] == 50
    assert sum(result.rows.values()) == 200
    assert said.count("50 of 200 rows were left out (data.filter).") == 1
    assert said.count("data.task: regression, since label 'y' has 7 numbers, among them 6, 5, 4.") == 1
    assert said.count("Reading 2 files (csv) by Spark's Python tasks.") == 1


def test_a_store_that_was_not_prepared_is_not_found(spark, tmp_path, repository):
    from pipeline.stages.context import open_stage
    from pipeline.stages.prepare import find_store, prepare

    config = config_of(repository, tmp_path, "iris")
    with open_stage(config, "evaluate", spark=spark) as resources:
        with pytest.raises(StoreError, match=r"There is no complete store at .*Run jobs/prepare\.py\."):
            find_store(resources, StoreSpec.of(config))
        prepared = prepare(config, spark=spark)
        assert find_store(resources, StoreSpec.of(config)).manifest.store_id == prepared.store_id


def test_a_session_is_opened_for_the_training_that_may_follow(spark, tmp_path, repository, monkeypatch):
    from pipeline.stages import context

    asked = []

    def opened(_, *, app: str, workers: int):
        asked.append((app, workers))
        return spark

    monkeypatch.setattr(context, "open_session", opened)
    with context.open_stage(config_of(repository, tmp_path, "iris", "train.workers=7"), "prepare"):
        assert asked == [("iris prepare", 7)]


@pytest.mark.parametrize(
    ("name", "file", "rows"),
    [
        ("iris", None, 150),
        ("breast_cancer", None, 569),
        ("house_prices", "house_sales.tsv", 22_687),
        ("house_prices_full", "house_sales.tsv", 22_687),
        ("adult", "adult.csv", 32_561),
    ],
)
def test_what_ships_can_be_prepared(spark, tmp_path, repository, request, name, file, rows):
    from pipeline.stages.prepare import prepare

    path = [f"data.source.path={request.getfixturevalue('shared_data') / file}"] if file else []
    result = prepare(config_of(repository, tmp_path, name, *path), spark=spark)
    assert sum(result.rows.values()) == rows
    assert result.rows["test"] == pytest.approx(0.2 * rows, rel=0.1 if rows > 1000 else 0.5)
