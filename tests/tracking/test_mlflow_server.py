"""A real tracking server on this machine, killed, stopped and started again: all arrives once, and it costs little."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import StoragePath
from pipeline.tracking.open_tracker import open_tracker
from pipeline.tracking.tracker import Tracker
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
def running_server(folder: Path, port: int | None = None) -> Iterator[Server]:
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "kept")]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("ab") as log:
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


def test_everything_arrives_over_http(server: Server, free_folder: StoragePath) -> None:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

    file = free_folder.child("model.keras")
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
    assert sorted(os.listdir(free_folder.path)) == ["model.keras", "spool"]


def outboxes(root: StoragePath) -> list[str]:
    """Names of the runs that wait in a root."""
    folder = Path(root.path, "spool")
    return sorted(os.listdir(folder)) if folder.is_dir() else []


@contextmanager
def tracked(uri: str, root: StoragePath, experiment: str = "e") -> Iterator[Tracker]:
    with open_tracker(TrackConfig(uri=uri), root=root, experiment=experiment, run_name="r", stage="train") as tracker:
        yield tracker


def steps_of(uri: str, run_id: str, name: str = "loss") -> list[tuple[int, float]]:
    from mlflow import MlflowClient

    return [(entry.step, entry.value) for entry in MlflowClient(uri).get_metric_history(run_id, name)]


def runs_of(uri: str, experiment: str = "e") -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


EPOCHS = range(1, 9)
ALL = [(epoch, 1.0 / epoch) for epoch in EPOCHS]


def test_server_that_is_down_for_a_whole_job_gets_all_of_it_from_the_next_one(
    tmp_path: Path, free_folder: StoragePath, unused_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"http://127.0.0.1:{unused_port}"
    Path(free_folder.path, "model.keras").write_bytes(b"only its bytes matter here")
    start = time.monotonic()
    with tracked(uri.replace("//", "//me:hush@"), free_folder) as tracker:
        for epoch in EPOCHS:
            tracker.log_metrics({"loss": 1.0 / epoch}, step=epoch)
        tracker.log_text("name: a", "conf/config.yaml")
        assert tracker.log_model(free_folder.child("model.keras"), regression_state()) is None
    assert tracker.run_id is None
    assert time.monotonic() - start < BOUND
    assert tracker.upload == "pending"
    assert f"MLflow at {uri} does not answer" in caplog.text
    assert "11 entries of run None have not reached MLflow. They are kept in" in caplog.text
    assert len(outboxes(free_folder)) == 1
    kept = b"".join(path.read_bytes() for path in Path(free_folder.path).rglob("*") if path.is_file())
    assert b"hush" not in kept + caplog.text.encode()
    with running_server(tmp_path, unused_port):
        with tracked(uri, free_folder) as second:
            second.log_metrics({"loss": 7.0}, step=1)
            wait_until(lambda: len(runs_of(uri)) == 2 and len(outboxes(free_folder)) == 1)
        first = next(run for run in runs_of(uri) if run.info.run_id != second.run_id)
        assert (first.info.status, first.info.run_name) == ("FINISHED", "r")
        assert steps_of(uri, first.info.run_id) == ALL
        assert steps_of(uri, str(second.run_id)) == [(1, 7.0)]
        assert models_of(uri, first) == ["READY"]
    assert outboxes(free_folder) == []


def models_of(uri: str, run: Any) -> list[str]:
    from mlflow import MlflowClient

    models = MlflowClient(uri).search_logged_models([run.info.experiment_id])
    return [str(model.status) for model in models if model.source_run_id == run.info.run_id]


def test_a_short_outage_at_the_end_is_waited_out(tmp_path: Path, free_folder: StoragePath) -> None:
    """The server is there all the time, but its port is not."""
    Path(free_folder.path, "model.keras").write_bytes(b"only its bytes matter here")
    with running_server(tmp_path) as server, ExitStack() as wires:
        port = free_port()
        uri, wire = f"http://127.0.0.1:{port}", wires.enter_context(forwarded(port, server))
        with tracked(uri, free_folder) as tracker:
            tracker.log_metrics({"loss": 1.0}, step=1)
            wait_until(lambda: steps_of(server.uri, str(tracker.run_id)) != [])
            wire.close()
            threading.Timer(1.5, lambda: wires.enter_context(forwarded(port, server))).start()
            assert str(tracker.log_model(free_folder.child("model.keras"), regression_state())).startswith("models:/")
            assert tracker.upload == "done"
        (run,) = runs_of(server.uri)
        assert (run.info.status, models_of(server.uri, run)) == ("FINISHED", ["READY"])
    assert outboxes(free_folder) == []


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come true within a minute"
        time.sleep(0.2)


def test_server_that_hangs_at_start_costs_little(free_folder: StoragePath, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with tracked(f"http://127.0.0.1:{silent.getsockname()[1]}", free_folder) as tracker:
            assert tracker.run_id is None
            assert tracker.log_model(free_folder.child("model.keras"), regression_state()) is None
        assert time.monotonic() - start < BOUND
    assert "have not reached MLflow" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_server_lost_in_mid_run_gets_every_metric_once_when_it_is_back(
    tmp_path: Path, free_folder: StoragePath, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    port, told = free_port(), []
    uri = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        server = stack.enter_context(running_server(tmp_path, port))
        with tracked(uri, free_folder) as tracker:
            for epoch in EPOCHS:
                if epoch == 3:
                    os.killpg(server.process.pid, number)
                start = time.monotonic()
                tracker.log_metrics({"loss": 1.0 / epoch}, step=epoch)
                told.append(time.monotonic() - start)
            wait_until(lambda: "does not answer" in caplog.text)
            if number == signal.SIGKILL:
                server.process.wait(10)
                stack.enter_context(running_server(tmp_path, port))
            else:
                os.killpg(server.process.pid, signal.SIGCONT)
            wait_until(lambda: len(steps_of(uri, str(tracker.run_id))) == len(ALL))
        assert max(told) < 0.5, "who tells does not wait"
        assert [run.info.status for run in runs_of(uri)] == ["FINISHED"]
        assert steps_of(uri, str(tracker.run_id)) == ALL
    assert caplog.text.count("does not answer") == 1
    assert outboxes(free_folder) == []


def test_server_lost_for_good_in_mid_run_costs_little(tmp_path: Path, free_folder: StoragePath) -> None:
    with running_server(tmp_path) as server:
        with tracked(server.uri, free_folder) as tracker:
            tracker.log_metrics({"loss": 1.0}, step=1)
            wait_until(lambda: steps_of(server.uri, str(tracker.run_id)) != [])
            os.killpg(server.process.pid, signal.SIGSTOP)
            start = time.monotonic()
            tracker.log_metrics({"loss": 1.0}, step=2)
            assert tracker.log_model(free_folder.child("model.keras"), regression_state()) is None
        assert time.monotonic() - start < BOUND
    assert len(outboxes(free_folder)) == 1


class Wire:
    """A port that leads to another one, until it is closed with all connections."""

    def __init__(self, port: int, target: int) -> None:
        self._listener, self._target = socket.create_server(("127.0.0.1", port)), target
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
                self._connections += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(1 << 16):
                sink.sendall(content)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for wire in (self._listener, *self._connections):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()


@contextmanager
def forwarded(port: int, server: Server) -> Iterator[Wire]:
    with closing(Wire(port, int(server.uri.rpartition(":")[2]))) as wire:
        yield wire


@contextmanager
def slowed(port: int, seconds: float) -> Iterator[int]:
    """A port that leads to another one; whatever is sent there takes some seconds."""
    wires: list[socket.socket] = []

    def pump(source: socket.socket, target: socket.socket, pause: float) -> None:
        with suppress(OSError):
            while content := source.recv(1 << 16):
                time.sleep(pause)
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near = listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", port))
                wires.extend((near, far))
                for way in ((near, far, seconds), (far, near, 0.0)):
                    threading.Thread(target=pump, args=way, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield int(listener.getsockname()[1])
    for wire in wires:
        wire.close()


def test_slow_server_costs_little_and_gets_every_metric_once(server: Server, free_folder: StoragePath) -> None:
    with slowed(int(server.uri.rpartition(":")[2]), 1.5) as port:
        uri, start = f"http://127.0.0.1:{port}", time.monotonic()
        with tracked(uri, free_folder, "slow") as tracker:
            for epoch in EPOCHS:
                tracker.log_metrics({"loss": 1.0 / epoch}, step=epoch)
                tracker.log_text("x" * 1000, f"{epoch}.txt")
        assert time.monotonic() - start < BOUND
        with tracked(uri, free_folder, "slow") as second:
            wait_until(lambda: len(runs_of(server.uri, "slow")) == 2 and len(outboxes(free_folder)) == 1)
    first = next(run for run in runs_of(server.uri, "slow") if run.info.run_id != second.run_id)
    assert (first.info.status, steps_of(server.uri, first.info.run_id)) == ("FINISHED", ALL)


def test_server_that_comes_back_empty_is_told_everything_anew(
    tmp_path: Path, free_folder: StoragePath, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(running_server(tmp_path / "one", port))
        with tracked(uri, free_folder) as tracker:
            for epoch in EPOCHS:
                if epoch == 5:
                    wait_until(lambda: len(steps_of(uri, str(tracker.run_id))) == 4)
                    os.killpg(server.process.pid, signal.SIGKILL)
                    server.process.wait(10)
                tracker.log_metrics({"loss": 1.0 / epoch}, step=epoch)
            before = tracker.run_id
            stack.enter_context(running_server(tmp_path / "two", port))
            wait_until(lambda: "sending all of it again" in caplog.text and len(runs_of(uri)) == 1)
        assert [run.info.status for run in runs_of(uri)] == ["FINISHED"]
        assert tracker.run_id != before
        assert steps_of(uri, str(tracker.run_id)) == ALL


KILLED = """
import os, sys, time
from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import storage_path
from pipeline.tracking.open_tracker import open_tracker
with open_tracker(TrackConfig(uri=sys.argv[1]), root=storage_path(sys.argv[2]), experiment="killed", run_name="r",
                  stage="train") as tracker:
    for epoch in range(1, 9):
        tracker.log_metrics({"loss": 1.0 / epoch}, step=epoch)
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_job_told_is_sent_by_the_next_one(server: Server, free_folder: StoragePath) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, server.uri, free_folder.path], timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(outboxes(free_folder)) == 1
    with tracked(server.uri, free_folder):
        wait_until(lambda: len(outboxes(free_folder)) == 1)
    killed = runs_of(server.uri, "killed")
    assert [run.info.status for run in killed] == ["KILLED"]
    assert steps_of(server.uri, killed[0].info.run_id) == ALL
