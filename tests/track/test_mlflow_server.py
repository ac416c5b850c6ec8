"""A real tracking server on this machine: everything arrives over HTTP, and a server that is down costs little."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import Root
from pipeline.track.mlflow_tracker import open_tracker
from tests.support.stores import regression_state

pytestmark = pytest.mark.slow

BOUND = 10.0
"""Seconds that a server which is down may cost a job."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        uri: its address.
        process: leads its own process group.
    """

    uri: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "kept")]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True, cwd=folder
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}", process, folder / "server.log")
        yield Server(f"http://127.0.0.1:{port}", process)
    finally:
        with suppress(ProcessLookupError):  # a test may have killed it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def wait_until_healthy(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def test_everything_arrives_over_http(server: Server, free_folder: Root) -> None:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

    file = free_folder.within("model.keras")
    Path(file.path).write_bytes(b"only its bytes matter here")
    config = TrackConfig(uri=server.uri)
    with open_tracker(config, root=free_folder, experiment="over http", run_name="r", stage="train") as tracker:
        tracker.log_params({"seed": 0})
        tracker.log_metrics({"train/loss": 0.5, "validation/loss": float("nan")}, step=1)
        tracker.log_figure(Figure(), "plots/curves.png")
        uri = tracker.log_model(file, regression_state())
    client = MlflowClient(server.uri)
    run = client.get_run(tracker.run_id)
    assert (run.info.status, run.data.params, run.data.metrics["train/loss"]) == ("FINISHED", {"seed": "0"}, 0.5)
    assert [entry.path for entry in client.list_artifacts(tracker.run_id, "plots")] == ["plots/curves.png"]
    model = client.get_logged_model(str(uri).removeprefix("models:/"))
    assert (model.source_run_id, str(model.status)) == (tracker.run_id, "READY")
    assert {"MLmodel", "artifacts"} <= {entry.path for entry in client.list_logged_model_artifacts(model.model_id)}
    assert os.listdir(free_folder.path) == ["model.keras"]


def test_server_that_is_down_at_start_costs_a_warning(
    free_folder: Root, unused_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    config = TrackConfig(uri=f"http://me:hush@127.0.0.1:{unused_port}")
    start = time.monotonic()
    with open_tracker(config, root=free_folder, experiment="e", run_name="r", stage="train") as tracker:
        assert tracker.run_id is None
    assert time.monotonic() - start < BOUND
    assert f"MLflow at http://127.0.0.1:{unused_port} cannot be used" in caplog.text
    assert "hush" not in caplog.text


def test_server_that_hangs_at_start_costs_a_warning(free_folder: Root, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = TrackConfig(uri=f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with open_tracker(config, root=free_folder, experiment="e", run_name="r", stage="train") as tracker:
            assert tracker.run_id is None
        assert time.monotonic() - start < BOUND
    assert "cannot be used, so this run is not recorded there" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_server_lost_in_mid_run_costs_one_warning(
    server: Server, free_folder: Root, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    config = TrackConfig(uri=server.uri)
    with open_tracker(config, root=free_folder, experiment="e", run_name="r", stage="train") as tracker:
        tracker.log_metrics({"loss": 1.0}, step=1)
        os.killpg(server.process.pid, number)
        start = time.monotonic()
        for epoch in range(2, 6):
            tracker.log_metrics({"loss": 1.0}, step=epoch)
        tracker.log_text("a", "a.txt")
        assert tracker.log_model(free_folder.within("model.keras"), regression_state()) is None
    assert time.monotonic() - start < BOUND
    os.killpg(server.process.pid, signal.SIGCONT)
    assert caplog.text.count("MLflow no longer answers") == 1
    assert "Lost: metrics and all later entries" in caplog.text
