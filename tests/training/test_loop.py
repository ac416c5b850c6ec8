"""A training in one process that is broken off, asked to stop, or looked at by callbacks, on small real stores."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.config.callbacks import CallbackConfig
from pipeline.errors import ConfigError, TrainError
from pipeline.networks.mlp import MlpConfig
from pipeline.store.filesystem import storage_path
from pipeline.training.job import RankJob, RankResult
from pipeline.training.records import request_stop
from tests.support.jobs import rank_job
from tests.support.stores import write_small_store

tf = pytest.importorskip("tensorflow")

from pipeline.training.checkpoints.resume import latest_checkpoint  # noqa: E402 (TensorFlow takes seconds to import)
from pipeline.training.checkpoints.writer import list_generations  # noqa: E402
from pipeline.training.rank import train_rank  # noqa: E402
from pipeline.training.rate_curve import curve_of, read_curve  # noqa: E402
from pipeline.training.step_runner import StepRunner  # noqa: E402
from pipeline.training.world import SingleWorld  # noqa: E402

SHARDS = {"train": [200, 150, 170, 190], "validation": [40, 60, 50, 30]}
STEPS = 23


class BrokenOffError(Exception):
    """The process is gone, as far as the training can tell."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A storage root with a store."""
    root = tmp_path_factory.mktemp("loop")
    write_small_store(root, SHARDS)
    return root


@pytest.fixture
def folder(stores, tmp_path):
    """A storage root of the test's own with the same store."""
    (tmp_path / "stores").symlink_to(stores / "stores")
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(stores):
    """Trains like `job` without interruption, once for each setting: the result and the epochs' records."""

    @cache
    def train(settings: str) -> tuple[RankResult, list[dict]]:
        told = job(stores, f"undisturbed-{len(list(stores.iterdir()))}", **json.loads(settings))
        return train_rank(told, SingleWorld()), history(told)

    return lambda **settings: train(json.dumps(settings))


def job(folder: Path, name: str = "one", *, dropout: float = 0.3, **train: object) -> RankJob:
    settings = {"batch_size": 32, "epochs": 4, "steps_per_execution": 4, "checkpoint": {"every_steps": 5}}
    return rank_job(folder, name, MlpConfig(hidden=(8,), dropout=dropout), settings | train, seed=1)


def history(told: RankJob) -> list[dict]:
    """The epochs' records, but for times."""
    records = [json.loads(path.read_text()) for path in sorted(Path(told.scratch).glob("epochs/*.json"))]
    return [{key: record[key] for key in ("epoch", "metrics", "rows", "best")} for record in records]


def break_off(monkeypatch, told: RankJob, steps: int) -> None:
    """Train so many steps, counted from where it goes on, and end as if the process were killed."""
    trained, train = [0], StepRunner.train

    def count(self, block):
        trained[0] += len(block.rows)
        if trained[0] > steps:
            raise BrokenOffError
        train(self, block)

    with monkeypatch.context() as patch:
        patch.setattr(StepRunner, "train", count)
        with pytest.raises(BrokenOffError):
            train_rank(told, SingleWorld())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        *(
            pytest.param(settings, marks=pytest.mark.slow)
            for settings in (
                {"optimizer": {"name": "sgd", "momentum": 0.9, "backward_passes_per_step": 3}, "schedule": "one_cycle"},
                {"mixed_precision": "float16", "steps_per_execution": 1, "checkpoint": {"every_steps": 1}},
                {
                    "reduce_on_plateau": {"patience": 1, "min_delta": 10.0},
                    "callbacks": ["tests.support.callbacks:Counting"],
                },
            )
        ),
    ],
)
def test_a_training_that_was_broken_off_ends_like_an_undisturbed_one(folder, undisturbed, monkeypatch, settings):
    broken, (expected, records) = job(folder, "broken", **settings), undisturbed(**settings)
    for steps in (14, 30):
        break_off(monkeypatch, broken, steps)
    found = train_rank(broken, SingleWorld())
    assert found.weights == expected.weights
    assert found.resumed is not None
    assert history(broken) == records


def test_a_damaged_checkpoint_costs_a_generation_and_changes_nothing(folder, undisturbed, monkeypatch, caplog):
    expected, _ = undisturbed()
    broken = job(folder, "broken")
    break_off(monkeypatch, broken, 30)
    newest = sorted((folder / "broken-checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    found = train_rank(broken, SingleWorld())
    assert "is truncated or was altered" in caplog.text
    assert (found.weights, found.epochs) == (expected.weights, 4)


def test_it_stops_when_told_and_goes_on_later(folder, undisturbed):
    expected, _ = undisturbed()
    told = job(folder, "told", checkpoint={"every_seconds": 1000})
    request_stop(told.open_scratch())
    stopped = train_rank(told, SingleWorld())
    assert (stopped.stopped, stopped.epochs) == (True, 0)
    head = latest_checkpoint(told.open_checkpoints())[1].head
    assert (head.epoch, head.step) == (0, 4)
    assert not (folder / "told" / "bundle").exists()
    (folder / "told" / "stop").unlink()
    found = train_rank(told, SingleWorld())
    assert (found.stopped, found.weights, found.resumed) == (False, expected.weights, "step 4 of 23 of epoch 1")


def test_a_changed_setting_is_refused_by_ranks_too(folder, monkeypatch):
    break_off(monkeypatch, job(folder), 12)
    with pytest.raises(ConfigError, match=r"train\.batch_size is 16, was 32"):
        train_rank(job(folder, batch_size=16), SingleWorld())
    allowed = {"every_steps": 5, "allow_changes": True}
    done = train_rank(job(folder, batch_size=16, checkpoint=allowed), SingleWorld())
    assert [record["rows"] for record in history(job(folder))] == [710] * 4
    assert done.resumed == "step 12 of 23 of epoch 1"


def test_a_change_that_cannot_be_allowed_is_named(folder, monkeypatch):
    break_off(monkeypatch, job(folder), 12)
    other = job(folder, optimizer="sgd", checkpoint={"allow_changes": True})
    with pytest.raises(ConfigError, match=r"belongs to another network or optimizer: optimizer/\S+, .*resume: never"):
        train_rank(other, SingleWorld())


def test_after_a_loss_that_is_not_finite_the_last_good_checkpoint_stays(folder):
    wild = {"optimizer": {"name": "sgd", "learning_rate": 1e9}, "steps_per_execution": 1}
    told = job(folder, checkpoint={"every_steps": 1}, **wild)
    with pytest.raises(
        TrainError, match=r"not finite after step \d+ of epoch \d.* The checkpoint of step \d+ of 23 of"
    ):
        train_rank(told, SingleWorld())
    kept = latest_checkpoint(told.open_checkpoints())[1]
    assert all(np.isfinite(array).all() for name, array in kept.shared.items() if name.startswith("network/"))


def test_without_checkpoints_nothing_is_kept(folder):
    told = job(folder, epochs=1).model_copy(update={"checkpoints": None})
    assert train_rank(told, SingleWorld()).epochs == 1
    assert not (folder / "one-checkpoints").exists()


def test_a_plateau_lowers_the_rate(folder):
    told = job(folder, reduce_on_plateau={"patience": 1, "min_delta": 10.0, "factor": 0.1})
    train_rank(told, SingleWorld())
    rates = [record["metrics"]["learning_rate"] for record in history(told)]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 1e-4, 1e-5], rtol=1e-6)


def test_a_callback_may_end_the_training_and_is_asked_no_more_when_it_goes_on(folder):
    counting = {"target": "tests.support.callbacks:Counting", "options": {"enough": 2}}
    told = job(folder, callbacks=[counting])
    assert train_rank(told, SingleWorld()).epochs == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "tests.support.callbacks:Batches",
            r"has on_train_batch_end, which would never be called: steps run in blocks",
        ),
        ("tests.support.callbacks:Missing", r"cannot be created with \{\}: AttributeError"),
        ("no_such_module:Class", r"cannot be created with \{\}: ModuleNotFoundError"),
        ("builtins:dict", r"is not a Keras callback"),
    ],
)
def test_a_callback_that_cannot_be_is_named(folder, target, message):
    """On a rank, which may lack what the driver has: there, a configuration names what cannot be imported."""
    unchecked = CallbackConfig.model_construct(target=target, options={})
    with pytest.raises(ConfigError, match=message):
        train_rank(job(folder, callbacks=[unchecked]), SingleWorld())


def test_tensorboard_finds_every_epoch(folder):
    told = job(folder, epochs=2, tensorboard=True)
    train_rank(told, SingleWorld())
    found: dict[str, list[tuple[int, float]]] = {}
    for path in (folder / "board").rglob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                name = f"{path.parent.name}/{value.tag}"
                found.setdefault(name, []).append((event.step, value.simple_value))
    expected = [record["metrics"]["val_loss"] for record in history(told)]
    assert found["validation/loss"] == [(1, pytest.approx(expected[0])), (2, pytest.approx(expected[1]))]
    assert {"train/loss", "train/learning_rate", "train/rows_per_second", "validation/rmse"} <= set(found)


@pytest.mark.slow
def test_the_finder_s_rate_is_applied_on_request_and_the_network_is_as_if_it_had_not_been(
    folder, undisturbed, monkeypatch
):
    finder = {"lowest": 1e-5, "highest": 10.0, "steps": 60}
    looked = job(folder, "looked", find_learning_rate=finder)
    assert train_rank(looked, SingleWorld()).weights == undisturbed()[0].weights
    curve = read_curve(looked.open_scratch())
    assert 1e-3 < curve.chosen < 3
    assert len(curve.rates) <= 60
    applied = job(folder, "applied", find_learning_rate=finder | {"apply": True})
    break_off(monkeypatch, applied, 30)
    train_rank(applied, SingleWorld())
    rates = [record["metrics"]["learning_rate"] for record in history(applied)]
    np.testing.assert_allclose(rates, curve.chosen, rtol=1e-6)


def test_the_rate_is_chosen_where_the_loss_falls_fastest():
    rates = np.geomspace(1e-4, 10, 200)
    losses = 1.0 / (1.0 + np.exp(4 * (np.log10(rates) + 1.5))) + np.where(rates > 1, rates - 1, 0)
    assert 10**-1.6 < curve_of(rates.tolist(), losses.tolist()).chosen < 10**-1.4
    with pytest.raises(TrainError, match=r"found no rate between 0\.0001 and 10 at which the loss falls"):
        curve_of(rates.tolist(), np.linspace(1, 2, 200).tolist())


def test_a_callback_s_memory_is_in_the_checkpoint(folder, monkeypatch):
    told = job(folder, callbacks=["tests.support.callbacks:Counting"])
    break_off(monkeypatch, told, STEPS + 8)
    head = latest_checkpoint(told.open_checkpoints())[1].head
    assert json.loads(head.callbacks["0"]) == {"epochs": 1}
    assert len(list_generations(storage_path(told.checkpoints))) == 2
