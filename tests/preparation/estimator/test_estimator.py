"""Features as stages of pyspark.ml: the numbers of a store, for data frames of any other origin."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipeline import FeatureEstimator, FeatureModel
from pipeline.config.features import FeaturesConfig
from pipeline.errors import ConfigError, DataError, StoreError
from pipeline.schemas.store_schema import ROW_ID
from tests.support.store_specs import build, rows_of, spec_for

pytestmark = pytest.mark.spark

ROWS = 300
ODD = {"x": "a.b", "c": "größe `c`", "when": "c d"}
FEATURES = {
    "derived": [{"name": "double x", "expression": "2 * `a.b`"}],
    "dates": [{"columns": "c d", "parts": ["month"]}],
    "numeric": [
        {"columns": ["a.b"], "impute": "median", "indicator": True, "scale": "robust"},
        {"columns": ["double x"], "impute": "mean", "encoding": "bucketize", "bins": 4},
    ],
    "categorical": [
        {"columns": ["größe `c`"], "max_categories": 2},
        {"columns": ["tags"], "separator": ";"},
        {"columns": ["t"], "encoding": "target_mean"},
    ],
}


def table(rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)),
            "c": random.choice(["a", "b", "c", None], rows),
            "when": random.choice(["2024-01-01", "2024-05-31"], rows),
            "tags": random.choice(["u;v", "v", "", "w;u;v"], rows),
            "t": random.choice(["p", "q"], rows),
            "y": random.choice(["no", "yes"], rows),
        }
    )
    return frame.rename(columns=ODD)


@pytest.fixture(scope="module")
def model(_spark_of_the_session):
    """Fitted once: most tests only transform."""
    estimator = FeatureEstimator(features=FEATURES, labelCol="y", nullValues=["?"], outputPrefix="f_")
    return estimator.fit(_spark_of_the_session.createDataFrame(table()))


def test_the_columns_are_those_of_a_store_that_was_fitted_on_the_same_rows(spark, tmp_path, model):
    frame = table()
    frame.to_parquet(tmp_path / "t.parquet")
    store_spec = spec_for(
        tmp_path / "t.parquet",
        features=FEATURES,
        numeric=FEATURES["numeric"],
        categorical=FEATURES["categorical"],
        fractions={"train": 1.0, "validation": 0.0, "test": 0.0},
    )
    store = build(spark, store_spec, tmp_path / "r")
    assert model.state == store.features.model_copy(update={"null_values": ("?",)})
    names = [column.name for column in store.contract.columns if column.name != ROW_ID]
    made = FeatureModel(store.features).transform(spark.createDataFrame(frame)).toPandas()
    out_of_fold = [name for name in names if name == "t"]
    kept = [name for name in names if name not in out_of_fold]
    assert len(kept) > 8
    pd.testing.assert_frame_equal(sorted_by(made[kept]), sorted_by(rows_of(store)[kept]))
    assert set(made["t"]) == {np.float32(value) for value in store.features.numeric[-1].values}
    assert not set(made["t"]) & set(rows_of(store)["t"]), "a store's training rows have their means out of fold"


def sorted_by(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(frame.columns), ignore_index=True)


def test_new_columns_are_added_and_all_others_stay(spark, model):
    rows = spark.createDataFrame(table(5).assign(**{"other.one": 7}))
    out = model.transform(rows)
    assert out.columns == [*rows.columns, *model.featureCols, "f_y"]
    assert out.schema["f_y"].dataType.simpleString() == "int"
    assert out.select(*[f"`{name.replace('`', '``')}`" for name in rows.columns]).collect() == rows.collect()


def test_without_a_prefix_a_feature_takes_the_place_of_its_column(spark, model):
    rows = spark.createDataFrame(table(5))
    out = model.copy({model.outputPrefix: ""}).transform(rows)
    assert out.columns[: len(rows.columns)] == rows.columns
    new = {name for name in out.columns if name not in rows.columns}
    assert new == {"c d_month", "a.b_missing", "double x", "tags[0]", "tags[1]", "tags[2]"}
    assert model.getOutputPrefix() == "f_", "a copy is a copy"


def test_labels_and_values_that_fitting_did_not_see(spark, model):
    frame = pd.DataFrame(
        {"a.b": [None, 0.5], ODD["c"]: ["never seen", "?"], "c d": "2024-03-01", "tags": "new", "t": "new"},
    ).assign(y=["perhaps", None])
    schema = "`a.b` double, `größe ``c``` string, `c d` string, tags string, t string, y string"
    rows = spark.createDataFrame(frame.astype(object).where(frame.notna(), None).to_numpy().tolist(), schema)
    out = model.transform(rows).toPandas()
    vocabulary = model.state.categorical[0].vocabulary
    assert out["f_" + ODD["c"]].tolist() == [0, vocabulary.index("\x00null") + 1]
    assert out["f_tags[0]"].tolist() == [0, 0]
    assert out["f_t"].tolist() == pytest.approx([model.state.numeric[-1].default] * 2, rel=1e-6)
    assert out["f_y"].isna().all()
    assert "f_y" not in model.transform(rows.drop("y")).columns


def test_a_pipeline_is_saved_and_loaded_without_pickle(spark, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import VectorAssembler

    groups = {"numeric": {"columns": "x", "impute": "mean"}, "categorical": {"columns": "t", "encoding": "target_mean"}}
    features = FeaturesConfig.model_validate(groups)
    stage = FeatureEstimator(features=features, labelCol="y", outputPrefix="f ")
    assembler = VectorAssembler(inputCols=["f x", "f t"], outputCol="vector")
    pipeline = Pipeline(stages=[stage, assembler, LogisticRegression(featuresCol="vector", labelCol="f y", maxIter=3)])
    pipeline.write().overwrite().save(str(tmp_path / "pipeline"))
    rows = spark.createDataFrame(table().rename(columns={"a.b": "x"}))
    loaded = Pipeline.load(str(tmp_path / "pipeline"))
    again = loaded.getStages()[0]
    assert (again.uid, again.extractParamMap()) == (stage.uid, stage.extractParamMap())
    fitted = loaded.fit(rows)
    fitted.save(str(tmp_path / "model"))
    folder = next((tmp_path / "model" / "stages").glob("0_*"))
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {"metadata", "features.json"}
    assert json.loads((folder / "features.json").read_text())["label"]["classes"] == ["no", "yes"]
    back = PipelineModel.load(str(tmp_path / "model"))
    assert back.stages[0].state == fitted.stages[0].state
    assert back.transform(rows).select("prediction", "f y").collect() == (
        fitted.transform(rows).select("prediction", "f y").collect()
    )
    metadata = next((folder / "metadata").glob("part-*"))
    assert json.loads(metadata.read_text())["class"] == "pipeline.FeatureModel", "wherever the class is defined"
    metadata.write_text(
        metadata.read_text().replace("pipeline.FeatureModel", "pipeline.features.estimator.FeatureModel")
    )
    metadata.with_name(f".{metadata.name}.crc").unlink()
    assert PipelineModel.load(str(tmp_path / "model")).stages[0].state == fitted.stages[0].state, "saved by 0.1"
    (folder / "features.json").unlink()
    with pytest.raises(StoreError, match=r"features\.json' cannot be read"):
        FeatureModel.load(str(folder))


def test_what_is_wrong_is_named(spark, model):
    rows = spark.createDataFrame(table(5))
    with pytest.raises(DataError, match=r"Column 't' is not in the source\. Known"):
        model.transform(rows.drop("t"))
    with pytest.raises(DataError, match=r"Column 'tags' has no usable type.*list<element: string>"):
        model.transform(rows.selectExpr("* except (tags)", "array(tags) AS tags"))
    with pytest.raises(DataError, match=r"already has a column 'f_t'\. Set outputPrefix, or rename it"):
        model.transform(rows.withColumnRenamed("id", "f_t"))
    with pytest.raises(ConfigError, match=r"features\.numerc.*numeric"):
        FeatureEstimator(features={"numerc": []}, labelCol="y").fit(rows)
    with pytest.raises(DataError, match="Label 'y' is null in 1 of 1 rows"):
        FeatureEstimator(features={"categorical": {"columns": "t"}}, labelCol="y").fit(
            spark.sql("SELECT 'p' AS t, CAST(NULL AS STRING) AS y")
        )
    with pytest.raises(TypeError, match="features must be a dict"):
        FeatureEstimator(features=["x"])
