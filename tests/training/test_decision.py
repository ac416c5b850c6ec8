"""Ranks score validation rows when a training ends; what is decided stands in the model and in the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.model.decision import calibrated, class_ids
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.label import LabelSpec
from pipeline.training.job import DecisionConfig
from tests.support.jobs import rank_job
from tests.support.stores import regression_state, write_small_store

keras = pytest.importorskip("keras")

import tensorflow as tf  # noqa: E402 (takes seconds to import)

from pipeline.feed.reader import read_shard  # noqa: E402
from pipeline.model import saved  # noqa: E402
from pipeline.model.serving import load_network  # noqa: E402
from pipeline.networks.mlp import MlpConfig  # noqa: E402
from pipeline.training import decision as decides  # noqa: E402
from pipeline.training.decision import Scored, decision_of  # noqa: E402
from pipeline.training.rank import train_rank  # noqa: E402
from pipeline.training.world import SingleWorld  # noqa: E402

LABEL = LabelSpec(name="y", task="binary", classes=("no", "yes"))
STATE = regression_state().model_copy(update={"label": LABEL})
VALIDATION = [60, 5, 0, 35]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decide")
    write_small_store(folder, {"train": [300, 40, 130, 250], "validation": VALIDATION}, state=STATE)
    return folder


def trained(folder, name: str, **deciding: Any) -> tuple[DecisionRule, keras.Model]:
    job = rank_job(
        folder,
        name,
        MlpConfig(hidden=()),
        {"epochs": 3, "batch_size": 32, "optimizer": {"learning_rate": 0.05}},
        seed=1,
    )
    result = train_rank(job.model_copy(update={"decision_config": DecisionConfig(**deciding)}), SingleWorld())
    model = keras.saving.load_model(folder / name / "bundle" / "model.keras", compile=False, safe_mode=True)
    return result.decision, model


def scored(folder, name: str, shards=range(4)) -> Scored:
    """Validation rows, and what the network says to them."""
    store = rank_job(folder, f"{name}-again", MlpConfig(), {}, seed=1).open_store()
    network = load_network(folder / name / "bundle" / "model.keras")
    rows = [rows for shard in shards for rows in read_shard(store, "validation", shard)]
    z = [np.asarray(network({n: part.tensors[n] for n in network.input}), np.float64) for part in rows]
    return Scored(np.concatenate([part.label for part in rows]), 1 / (1 + np.exp(-np.concatenate(z))))


def test_what_is_fitted_is_in_the_answer_and_in_the_model(folder):
    wanted = {"calibration": "isotonic", "threshold": {"goal": "recall", "at_least": 0.8}}
    decision, model = trained(folder, "fitted", **wanted)
    assert decision.rows == sum(VALIDATION)
    assert decision.goal.startswith("recall of at least 0.8: ")
    rows = scored(folder, "fitted")
    assert decision.model_copy(update={"goal": ""}) == decision_of(DecisionConfig(**wanted), LABEL, rows).model_copy(
        update={"goal": "", **_near(decision)}
    )
    predicted = class_ids(decision, calibrated(decision.calibration, rows.probabilities))
    assert predicted[rows.label == 1].mean() >= 0.8
    raw = {name: tf.constant([[9.0], [-9.0]], tf.float64) for name in ("x0", "x1")} | {"c0": tf.constant([["v1"]] * 2)}
    layer = model.get_layer("__decide").get_config()
    assert layer["threshold"] == decision.threshold
    assert layer["calibration"]["scores"] == list(decision.calibration.scores)
    assert model(raw)["label"].numpy()[:, 0].tolist() == [b"yes", b"no"]


def _near(decision: DecisionRule) -> dict[str, Any]:
    """The numbers themselves: TensorFlow's sigmoid and numpy's differ in the last bit."""
    return {"calibration": decision.calibration, "threshold": pytest.approx(decision.threshold)}


def test_nothing_is_read_where_nothing_is_fitted(folder, monkeypatch):
    monkeypatch.setattr(decides, "_gather", None)
    decision, model = trained(folder, "given", threshold=0.3)
    assert decision == DecisionRule(threshold=0.3)
    assert model.get_layer("__decide").get_config()["threshold"] == 0.3
    assert [path.name for path in (folder / "given" / "bundle").iterdir()] == ["model.keras"]


def test_a_saved_model_is_written_where_it_is_asked_for(folder, monkeypatch, caplog):
    job = rank_job(folder, "saved", MlpConfig(hidden=()), {"epochs": 1}, seed=1)
    train_rank(job.model_copy(update={"formats": ("saved_model",)}), SingleWorld())
    served = tf.saved_model.load(str(folder / "saved" / "bundle" / "saved_model")).signatures["serving_default"]
    assert set(served.structured_outputs) == {"probabilities", "label"}
    compare = saved._compare

    def compare_with_other_weights(model, *rest):
        for variable in model.variables:
            variable.assign_add(tf.ones_like(variable))
        compare(model, *rest)

    monkeypatch.setattr(saved, "_compare", compare_with_other_weights)
    again = rank_job(folder, "unsaved", MlpConfig(hidden=()), {"epochs": 1}, seed=1)
    train_rank(again.model_copy(update={"formats": ("saved_model",)}), SingleWorld())
    assert "published without its SavedModel. The SavedModel and the Keras model predict differently" in caplog.text
    assert [path.name for path in (folder / "unsaved" / "bundle").iterdir()] == ["model.keras"]


def test_the_first_rows_are_taken_where_there_are_many(folder, monkeypatch):
    monkeypatch.setattr(decides, "ROWS_AT_MOST", 62)
    decision, _ = trained(folder, "first", calibration="temperature")
    assert decision.rows == 62
    rows = scored(folder, "first")
    first = Scored(rows.label[:62], rows.probabilities[:62])
    expected = decision_of(DecisionConfig(calibration="temperature"), LABEL, first)
    assert decision.calibration.temperature == pytest.approx(expected.calibration.temperature, rel=1e-6)


@pytest.mark.parametrize(("label", "found"), [([], "none"), ([1.0, 1.0], "of class 'yes' only")])
def test_rows_of_one_class_decide_nothing(label, found):
    wanted = DecisionConfig(calibration="platt", threshold={"goal": "f1"})
    decision = decision_of(wanted, LABEL, Scored(np.array(label), np.full((len(label), 1), 0.7)))
    assert decision.model_copy(update={"remark": ""}) == DecisionRule()
    assert f"validation rows are {found}. Allowed: rows of two classes at least" in decision.remark
