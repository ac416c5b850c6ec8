"""Training in one process on small real stores: learning, repeatability, gradients, metrics."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipeline.config.train import TrainConfig
from pipeline.errors import ConfigError, TrainError
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.networks.mlp import MlpConfig
from pipeline.schemas.label import LabelSpec
from pipeline.store.filesystem import storage_path
from pipeline.training.job import RankJob
from tests.support import kinds
from tests.support.stores import NAME, STORE_ID, regression_state, write_small_store

keras = pytest.importorskip("keras")
import tensorflow as tf  # noqa: E402

from pipeline.training.rank import train_rank  # noqa: E402 (TensorFlow takes seconds to import)
from pipeline.training.records import read_epoch  # noqa: E402
from pipeline.training.world import SingleWorld  # noqa: E402


def job(folder, *, hidden=(16,), l2=0.0, seed=1, **train) -> RankJob:
    scratch = folder / f"scratch-{len(list(folder.glob('scratch-*')))}"
    scratch.mkdir()
    settings = {"batch_size": 32, "epochs": 4, "steps_per_execution": 4} | train
    return RankJob(
        root=str(folder),
        name=NAME,
        store_id=STORE_ID,
        scratch=str(scratch),
        model=MlpConfig(hidden=hidden, l2=l2),
        train=TrainConfig(**settings),
        seed=seed,
    )


def history(done: RankJob):
    records, epoch = [], 1
    while (record := read_epoch(storage_path(done.scratch), epoch)) is not None:
        records.append(record)
        epoch += 1
    return records


def with_label(task: str, classes: tuple[str, ...]) -> FittedFeatures:
    return regression_state().model_copy(update={"label": LabelSpec(name="y", task=task, classes=classes)})


@pytest.mark.parametrize(
    ("state", "metric"),
    [
        (regression_state(), "val_rmse"),
        (with_label("binary", ("no", "yes")), "val_accuracy"),
        (with_label("multiclass", ("a", "b", "c")), "val_accuracy"),
        (regression_state(numeric=0, sizes=(4, 3)), "val_mae"),
        (regression_state(sizes=()), "val_mae"),
    ],
)
def test_every_kind_of_label_and_column_is_learned(tmp_path, state, metric):
    write_small_store(tmp_path, {"train": [200, 150, 170, 190], "validation": [40, 60, 50, 30]}, state=state)
    done = job(tmp_path, epochs=6, optimizer={"name": "adam", "learning_rate": 0.01})
    result = train_rank(done, SingleWorld())
    records = history(done)
    assert result.epochs == len(records) == 6
    assert metric in records[0].metrics
    assert records[-1].metrics["val_loss"] < 0.5 * records[0].metrics["val_loss"]


def test_every_kind_of_feature_is_learned(tmp_path):
    state = kinds.every_kind(LabelSpec(name="y", task="regression", transform="power", power=0.9))
    shards = {"train": [200, 150, 170, 190], "validation": [40, 60, 50, 30]}
    write_small_store(tmp_path, shards, state=state.model_copy(update={"weight": "w"}))
    jobs = [job(tmp_path, epochs=6, optimizer={"name": "adam", "learning_rate": 0.01}) for _ in range(2)]
    result, again = (train_rank(done, SingleWorld()) for done in jobs)
    losses = [record.metrics["val_loss"] for record in history(jobs[0])]
    assert losses[-1] < 0.5 * losses[0]
    assert result.weights == again.weights


def test_the_same_seed_gives_identical_weights_and_another_does_not(tmp_path):
    write_small_store(tmp_path, {"train": [200, 150], "validation": [40, 60]})
    first, again, other = (train_rank(job(tmp_path, seed=seed), SingleWorld()) for seed in (1, 1, 2))
    assert first.weights == again.weights
    assert first.weights != other.weights


def test_one_step_is_the_gradient_of_the_mean_over_real_rows(tmp_path):
    """A linear network, one step of plain gradient descent, against the formula."""
    store = write_small_store(tmp_path, {"train": [23, 9]}, state=regression_state(sizes=()))
    done = job(tmp_path, hidden=(), batch_size=32, epochs=1, optimizer={"name": "sgd", "learning_rate": 0.1})
    train_rank(done, SingleWorld())
    from pipeline.evaluation.row_sample import concatenate, sample_rows
    from pipeline.model.network import build_network
    from pipeline.model.serving import load_network

    rows = concatenate(list(sample_rows(store, "train", 100)))
    kernel, bias = build_network(done.model, store.features, done.seed).get_weights()
    error = rows.tensors["numeric"] @ kernel[:, 0] + bias[0] - rows.label
    expected = kernel[:, 0] - 0.1 * 2 * (error[:, None] * rows.tensors["numeric"]).mean(0)
    trained = load_network(tmp_path / "scratch-0" / "bundle" / "model.keras").get_weights()
    np.testing.assert_allclose(trained[0][:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(trained[1][0], bias[0] - 0.1 * 2 * error.mean(), rtol=1e-5)


def test_weights_multiply_the_losses_of_rows(tmp_path):
    """One step of plain gradient descent on weighed rows, against the formula: divided by rows, not by weights."""
    label = LabelSpec(name="y", task="binary", classes=("no", "yes"), counts=(24, 8))
    state = regression_state(sizes=()).model_copy(update={"weight": "w", "label": label})
    store = write_small_store(tmp_path, {"train": [23, 9]}, state=state)
    settings = {"batch_size": 32, "epochs": 1, "class_weights": {"yes": 5.0}}
    done = job(tmp_path, hidden=(), optimizer={"name": "sgd", "learning_rate": 0.1}, **settings)
    train_rank(done, SingleWorld())
    from pipeline.evaluation.row_sample import concatenate, sample_rows
    from pipeline.model.network import build_network
    from pipeline.model.serving import load_network

    rows = concatenate(list(sample_rows(store, "train", 100)))
    weight = rows.weight * np.where(rows.label == 1, 5.0, 1.0) / 2.0  # (24 x 1 + 8 x 5) / 32 is 2
    kernel, bias = build_network(done.model, store.features, done.seed).get_weights()
    error = weight * (1 / (1 + np.exp(-(rows.tensors["numeric"] @ kernel[:, 0] + bias[0]))) - rows.label)
    trained = load_network(tmp_path / "scratch-0" / "bundle" / "model.keras").get_weights()
    np.testing.assert_allclose(
        trained[0][:, 0], kernel[:, 0] - 0.1 * (error[:, None] * rows.tensors["numeric"]).mean(0), rtol=1e-5
    )
    np.testing.assert_allclose(trained[1][0], bias[0] - 0.1 * error.mean(), rtol=1e-5)


def test_class_weights_do_not_weigh_validation_rows(tmp_path):
    label = LabelSpec(name="y", task="binary", classes=("no", "yes"), counts=(100, 101))
    state = regression_state().model_copy(update={"label": label})
    store = write_small_store(tmp_path, {"train": [101, 100], "validation": [33, 58]}, state=state)
    done = job(tmp_path, epochs=1, class_weights={"yes": 9.0})
    train_rank(done, SingleWorld())
    from pipeline.evaluation.row_sample import concatenate, sample_rows
    from pipeline.model.serving import load_network

    rows = concatenate(list(sample_rows(store, "validation", 1000)))
    network = load_network(tmp_path / "scratch-0" / "bundle" / "model.keras")
    logit = np.asarray(network(rows.tensors))[:, 0]
    loss = np.log1p(np.exp(-np.where(rows.label == 1, logit, -logit))).mean()
    assert history(done)[0].metrics["val_loss"] == pytest.approx(loss, rel=1e-5)


def test_a_class_that_is_none_is_named(tmp_path):
    label = LabelSpec(name="y", task="binary", classes=("no", "yes"), counts=(30, 30))
    write_small_store(tmp_path, {"train": [60]}, state=regression_state().model_copy(update={"label": label}))
    with pytest.raises(ConfigError, match=r"names 'yse', which is no class of label 'y'. Did you mean 'yes'\?"):
        train_rank(job(tmp_path, class_weights={"yse": 2.0}), SingleWorld())


def test_steps_per_execution_changes_nothing_but_speed(tmp_path):
    write_small_store(tmp_path, {"train": [200, 150], "validation": [40, 60]})
    settings = (1, 7, "auto")
    few, many, measured = (train_rank(job(tmp_path, steps_per_execution=k), SingleWorld()) for k in settings)
    assert few.weights == many.weights == measured.weights


def test_a_training_lasts_from_its_first_step_to_its_last_validation(tmp_path):
    write_small_store(tmp_path, {"train": [200, 150], "validation": [40, 60]})
    done, begun = job(tmp_path), time.monotonic()
    result = train_rank(done, SingleWorld())
    steps = sum(record.seconds for record in history(done))
    assert 0 < steps < result.seconds < time.monotonic() - begun


def test_early_stopping_keeps_the_best_weights(tmp_path):
    write_small_store(tmp_path, {"train": [60, 40], "validation": [40, 60]})
    done = job(
        tmp_path,
        epochs=40,
        optimizer={"name": "sgd", "learning_rate": 0.3},
        early_stopping={"patience": 2, "min_delta": 0.05},
    )
    result, records = train_rank(done, SingleWorld()), history(done)
    assert result.epochs < 40
    losses = [record.metrics["val_loss"] for record in records]
    assert result.best_epoch == int(np.argmin(losses)) + 1
    assert [record.best for record in records].count(True) >= 1


def test_without_validation_rows_the_training_loss_decides(tmp_path):
    write_small_store(tmp_path, {"train": [60, 40], "validation": [0, 0]})
    done = job(tmp_path, epochs=2)
    train_rank(done, SingleWorld())
    told = {"learning_rate", "gradient_norm", "gradient_norm_max"}
    assert set(history(done)[0].metrics) == {"loss", "mae", "rmse"} | told


def test_metrics_equal_numpy_on_the_same_rows(tmp_path):
    store = write_small_store(tmp_path, {"train": [60, 41], "validation": [33, 58]})
    done = job(tmp_path, epochs=1)
    train_rank(done, SingleWorld())
    from pipeline.evaluation.row_sample import concatenate, sample_rows
    from pipeline.model.serving import load_network

    rows = concatenate(list(sample_rows(store, "validation", 1000)))
    network = load_network(tmp_path / "scratch-0" / "bundle" / "model.keras")
    predicted = np.asarray(network(rows.tensors))[:, 0]
    metrics = history(done)[0].metrics
    assert metrics["val_mae"] == pytest.approx(np.abs(predicted - rows.label).mean(), rel=1e-6)
    assert metrics["val_rmse"] == pytest.approx(np.sqrt(((predicted - rows.label) ** 2).mean()), rel=1e-6)


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path):
    write_small_store(tmp_path, {"train": [60, 41], "validation": [33, 58]})
    done = job(tmp_path, epochs=30, optimizer={"name": "sgd", "learning_rate": 1e9})
    message = r"The loss or its gradient is not finite after step \d+ of epoch \d+. Lower train.optimizer.learning_rate"
    with pytest.raises(TrainError, match=message):
        train_rank(done, SingleWorld())


def test_a_loss_that_does_not_fit_the_label_is_named(tmp_path):
    write_small_store(tmp_path, {"train": [60]})
    with pytest.raises(
        ConfigError, match=r"train.loss does not fit the regression label 'y'. Allowed: auto, mse, mae, huber"
    ):
        train_rank(job(tmp_path, loss="cross_entropy"), SingleWorld())


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "rmsprop", "sgd", "adagrad", "adadelta", "lion"])
def test_every_optimizer_stays_itself_when_distributed(name):
    from pipeline.config.train import OptimizerConfig
    from pipeline.optimizers import OPTIMIZERS
    from pipeline.training.optimizer import build_optimizer

    optimizer = build_optimizer(OptimizerConfig(name=name, learning_rate=0.01), SingleWorld())
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is OPTIMIZERS.get(name).load()
    assert again.get_config() == optimizer.get_config()


def test_regularisation_pulls_weights_towards_zero(tmp_path):
    write_small_store(tmp_path, {"train": [200, 150], "validation": [40, 60]})
    from pipeline.model.serving import load_network

    sizes = []
    for position, l2 in enumerate((0.0, 0.1)):
        train_rank(job(tmp_path, l2=l2), SingleWorld())
        weights = load_network(tmp_path / f"scratch-{position}" / "bundle" / "model.keras").get_weights()
        sizes.append(sum(float(np.square(w).sum()) for w in weights))
    assert sizes[1] < sizes[0]


def test_a_training_leaves_no_thread_behind(tmp_path):
    """Petastorm's threads poll a thousand times a second for as long as they live."""
    write_small_store(tmp_path, {"train": [200, 150], "validation": [40, 60]})
    before = set(threading.enumerate())
    train_rank(job(tmp_path), SingleWorld())
    left = set(threading.enumerate()) - before
    # TensorFlow's own threads show up as dummies once they have called Python; Python never forgets them.
    assert {thread for thread in left if not isinstance(thread, threading._DummyThread)} == set()


class BelowZero(keras.metrics.Sum):
    """Of a user, who asks a tensor as Python does: how many batches have a mean below 0."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        count = tf.zeros(())
        if tf.reduce_mean(y_pred) < 0.0:
            count = tf.ones(())
        return super().update_state(count)


def test_a_metric_of_the_users_may_ask_a_tensor(tmp_path):
    write_small_store(tmp_path, {"train": [40, 60], "validation": [30]}, state=regression_state())
    done = job(tmp_path, epochs=1, metrics=["mae", f"{__name__}:BelowZero"])
    train_rank(done, SingleWorld())
    assert 0.0 <= history(done)[0].metrics["belowzero"] <= 4.0
