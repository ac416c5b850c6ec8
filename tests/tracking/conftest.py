"""A real tracking database, made once: its first use takes seconds."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.tracking.address import address_of
from pipeline.tracking.open_tracker import open_tracker
from pipeline.tracking.tracker import Tracker

if TYPE_CHECKING:
    from mlflow import MlflowClient

Open = Callable[..., AbstractContextManager[Tracker]]


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """MLflow's settings, which opening a tracker leaves in the environment, go after each test."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        if name.startswith(("MLFLOW_", "GIT_PYTHON_")):
            del os.environ[name]


@pytest.fixture(scope="session")
def track_root(tmp_path_factory: pytest.TempPathFactory) -> StoragePath:
    """A storage root whose path has a space."""
    return storage_path(str(tmp_path_factory.mktemp("a root")))


@pytest.fixture(scope="session")
def client(track_root: StoragePath) -> MlflowClient:
    """What MLflow itself sees in the database."""
    from mlflow import MlflowClient

    return MlflowClient(address_of(TrackConfig(), track_root).uri)


@pytest.fixture
def open_run(track_root: StoragePath, request: pytest.FixtureRequest) -> Open:
    """Opens runs in an experiment of the test's own."""

    def opened(**changes: Any) -> AbstractContextManager[Tracker]:
        settings = {
            "root": track_root,
            "experiment": request.node.name,
            "run_name": "a run",
            "stage": "train",
        } | changes
        return open_tracker(settings.pop("config", TrackConfig()), **settings)

    return opened


@pytest.fixture
def free_folder(tmp_path: Path) -> StoragePath:
    """A root in which nothing was recorded yet."""
    return storage_path(str(tmp_path))


@pytest.fixture
def unused_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
