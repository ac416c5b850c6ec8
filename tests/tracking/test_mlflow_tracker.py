"""Runs in a real tracking database: what is recorded, how a run ends, and what happens when something is refused."""

from __future__ import annotations

import logging
import math
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.config.run import RunConfig, TrackConfig
from pipeline.errors import ConfigError, PlatformError
from pipeline.stages.upload import upload
from pipeline.store.filesystem import StoragePath
from pipeline.tracking.address import address_of
from pipeline.tracking.open_tracker import open_tracker, warm_up
from pipeline.tracking.promotion import Candidate
from tests.support.stores import regression_state
from tests.tracking.conftest import Open

if TYPE_CHECKING:
    from mlflow import MlflowClient


def experiment_of(client: MlflowClient, request: pytest.FixtureRequest) -> Any:
    return client.get_experiment_by_name(request.node.name)


def test_everything_arrives(open_run: Open, client: MlflowClient, track_root: StoragePath) -> None:
    from matplotlib.figure import Figure

    with open_run(config=TrackConfig(tags={"team": "a"})) as tracker:
        tracker.log_params({"model.hidden": "64-64", "train.threads": None, "long": "x" * 9000})
        tracker.set_tags({"store_id": "abc"})
        tracker.describe("**good**")
        for epoch in (1, 2, 3):
            tracker.log_metrics({"train/loss": 1.0 / epoch, "validation/loss": 2.0 / epoch}, step=epoch)
        tracker.log_metrics({"test/mae": 7.0})
        tracker.log_text("name: ü", "config.yaml")
        tracker.log_figure(Figure(), "plots/curves.png")
    run = client.get_run(tracker.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "a run")
    assert run.data.params == {"model.hidden": "64-64", "long": "x" * 499 + "…"}
    assert {"stage": "train", "team": "a", "store_id": "abc"}.items() <= run.data.tags.items()
    assert run.data.tags["mlflow.note.content"] == "**good**"
    assert run.data.tags["version.python"].startswith("3.")
    assert run.data.metrics["test/mae"] == 7.0
    history = client.get_metric_history(tracker.run_id, "train/loss")
    assert [(entry.step, entry.value) for entry in history] == [(1, 1.0), (2, 0.5), (3, 1.0 / 3)]
    folder = next(Path(track_root.path, "mlartifacts").glob(f"{tracker.run_id}/artifacts"))
    assert (folder / "config.yaml").read_text(encoding="utf-8") == "name: ü"
    assert (folder / "plots" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_values_that_are_not_finite_arrive(open_run: Open, client: MlflowClient) -> None:
    with open_run() as tracker:
        tracker.log_metrics({"nan": math.nan, "infinite": math.inf}, step=1)
    metrics = client.get_run(tracker.run_id).data.metrics
    assert math.isnan(metrics["nan"])
    assert metrics["infinite"] > 1e308


def test_failure_is_recorded_with_its_reason_and_without_passwords(open_run: Open, client: MlflowClient) -> None:
    with pytest.raises(ValueError, match="no answer"), open_run() as tracker:
        raise ValueError("no answer from\n http://me:hush@host/x " + "y" * 1000)
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["failure"].startswith("train: ValueError: no answer from http://host/x yyy")
    assert len(run.data.tags["failure"]) == 500


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_interrupted_run_is_killed(open_run: Open, client: MlflowClient, signal: type[BaseException]) -> None:
    with pytest.raises(signal), open_run(experiment="interrupted") as tracker:
        raise signal
    assert client.get_run(tracker.run_id).info.status == "KILLED"


def test_run_is_continued(open_run: Open, client: MlflowClient) -> None:
    with open_run() as first:
        first.log_metrics({"train/loss": 1.0}, step=1)
    with open_run(run_id=first.run_id, stage="evaluate") as second:
        assert client.get_run(first.run_id).info.status == "RUNNING"
        second.log_metrics({"test/mae": 2.0})
    run = client.get_run(first.run_id)
    assert second.run_id == first.run_id
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"train/loss": 1.0, "test/mae": 2.0}
    assert run.data.tags["stage"] == "train"


def test_run_that_is_gone_is_replaced(open_run: Open, caplog: pytest.LogCaptureFixture) -> None:
    with open_run(run_id="0" * 32) as tracker:
        assert tracker.run_id not in (None, "0" * 32)
    assert f"MLflow no longer has run {'0' * 32}, so a new run is started" in caplog.text


def test_deleted_experiment_is_named(open_run: Open, client: MlflowClient, request: pytest.FixtureRequest) -> None:
    with open_run():
        pass
    found = experiment_of(client, request).experiment_id
    client.delete_experiment(found)
    message = rf"was deleted in MLflow at sqlite.*track\.experiment.*--experiment-id {found}"
    with pytest.raises(ConfigError, match=message):
        open_run().__enter__()


def test_jobs_side_by_side_share_a_new_experiment_and_mix_nothing(
    open_run: Open, client: MlflowClient, request: pytest.FixtureRequest
) -> None:
    def job(number: int) -> str | None:
        with open_run(run_name=f"job {number}") as tracker:
            for step in range(1, 6):
                tracker.log_metrics({"loss": float(number)}, step=step)
            return tracker.run_id

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(job, range(4)))
    for number, run_id in enumerate(runs):
        run = client.get_run(run_id)
        assert run.info.experiment_id == experiment_of(client, request).experiment_id
        values = {entry.value for entry in client.get_metric_history(run_id, "loss")}
        assert (run.info.status, values) == ("FINISHED", {float(number)})


def test_refused_entry_is_said_once_and_the_rest_is_recorded(
    open_run: Open, client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    with open_run() as tracker:
        tracker.log_params({"seed": 1})
        tracker.log_params({"seed": 2})
        tracker.log_params({"seed": 3})
        tracker.log_metrics({"loss": 1.0}, step=1)
    assert caplog.text.count("MLflow did not take parameters of run") == 1
    run = client.get_run(tracker.run_id)
    assert (run.data.params, run.data.metrics, run.info.status) == ({"seed": "1"}, {"loss": 1.0}, "FINISHED")


def test_unknown_kind_of_store_is_refused(free_folder: StoragePath) -> None:
    config = TrackConfig(uri="gopher://me:hush@host/x")
    with (
        pytest.raises(ConfigError, match=r"track\.uri 'gopher://host/x' is not a tracking store\. Allowed: sqlite:"),
        open_tracker(config, root=free_folder, experiment="e", run_name="r", stage="train"),
    ):
        pass


def test_broken_database_costs_a_warning_and_no_time(
    free_folder: StoragePath, caplog: pytest.LogCaptureFixture
) -> None:
    Path(free_folder.path, "mlflow.db").write_bytes(b"not a database " * 100)
    start = time.monotonic()
    with open_tracker(TrackConfig(), root=free_folder, experiment="e", run_name="r", stage="train") as tracker:
        tracker.log_metrics({"loss": 1.0}, step=1)
        assert tracker.run_id is None
    assert time.monotonic() - start < 10.0
    assert "does not answer. The run's entries are kept in" in caplog.text
    assert "file is not a database" in caplog.text


def test_disk_that_refuses_artifacts_costs_a_warning(
    open_run: Open, client: MlflowClient, track_root: StoragePath, caplog: pytest.LogCaptureFixture
) -> None:
    with open_run() as tracker:
        Path(track_root.path, "mlartifacts").mkdir(exist_ok=True)
        Path(track_root.path, "mlartifacts", str(tracker.run_id)).write_text("in the way")
        tracker.log_text("a", "a.txt")
        tracker.log_metrics({"loss": 1.0}, step=1)
    assert "MLflow did not take a.txt" in caplog.text
    assert client.get_run(tracker.run_id).data.metrics == {"loss": 1.0}


@pytest.mark.slow
def test_first_use_is_silent_and_loads_no_tensorflow(free_folder: StoragePath) -> None:
    program = f"""
import sys
from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import storage_path
from pipeline.tracking.address import address_of
from pipeline.tracking.open_tracker import open_tracker, warm_up
from pipeline.tracking.promotion import Candidate
from tests.support.stores import regression_state
from tests.support.stores import regression_state
root = storage_path({free_folder.path!r})
root.filesystem.open_output_stream(root.path + "/model.keras").close()
with warm_up(TrackConfig(), root):
    pass
with open_tracker(TrackConfig(), root=root, experiment="e", run_name="r", stage="train") as tracker:
    assert tracker.log_model(root.child("model.keras"), regression_state()).startswith("models:/m-")
assert "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_opening_changes_no_logging_but_the_libraries_own(open_run: Open) -> None:
    root_level, handlers = logging.getLogger().level, list(logging.getLogger().handlers)
    with open_run():
        pass
    assert (logging.getLogger().level, logging.getLogger().handlers) == (root_level, handlers)


def test_a_job_that_ends_early_leaves_a_whole_database(free_folder: StoragePath) -> None:
    with pytest.raises(ValueError, match="too few slots"), warm_up(TrackConfig(), free_folder):
        raise ValueError("too few slots")
    with closing(sqlite3.connect(f"{free_folder.path}/mlflow.db")) as database:
        assert database.execute("SELECT name FROM experiments").fetchall() == [("Default",)]


def test_a_model_that_the_store_refuses_is_uploaded_by_a_later_job_and_then_registered(
    open_run: Open, client: MlflowClient, free_folder: StoragePath, caplog: pytest.LogCaptureFixture
) -> None:
    Path(free_folder.path, "model.keras").write_bytes(b"k")
    candidate = Candidate(model_id="m", sha256="1", store_id="s", rows=9, metric="rmse", value=1.0)
    artifacts = Path(free_folder.path, "mlartifacts")
    artifacts.write_text("in the way")
    with open_run(root=free_folder) as tracker:
        assert tracker.upload is None
        assert tracker.log_model(free_folder.child("model.keras"), regression_state()) is None
        assert tracker.upload == "pending"
        assert tracker.register("later", candidate) is None
        tracker.log_metrics({"loss": 1.0}, step=1)
    assert tracker.upload == "pending"
    assert "its upload is pending. It is kept in" in caplog.text and "as does jobs/upload.py" in caplog.text
    Path(free_folder.path, "model.keras").unlink()  # the outbox has it
    artifacts.unlink()
    config = RunConfig.model_validate(
        {"name": "n", "storage": {"root": free_folder.path}, "data": {"source": {"path": "x.csv"}, "label": "y"}}
    )
    result = upload(config)
    assert (result.sent, result.pending) == (1, 0)
    from mlflow import MlflowClient

    own = MlflowClient(address_of(TrackConfig(), free_folder).uri)
    run = own.get_run(tracker.run_id)
    assert (run.info.status, run.data.metrics, run.data.tags["registered"]) == ("FINISHED", {"loss": 1.0}, "later 1")
    (model,) = own.search_logged_models([run.info.experiment_id])
    assert str(model.status) == "READY"
    assert upload(config).sent == 0


def test_uploading_to_a_store_that_does_not_answer_says_so(free_folder: StoragePath, unused_port: int) -> None:
    config = RunConfig.model_validate(
        {
            "name": "n",
            "storage": {"root": free_folder.path},
            "data": {"source": {"path": "x.csv"}, "label": "y"},
            "track": {"uri": f"http://127.0.0.1:{unused_port}"},
        }
    )
    with pytest.raises(PlatformError, match=rf"MLflow at http://127\.0\.0\.1:{unused_port} does not answer: .*kept"):
        upload(config)
