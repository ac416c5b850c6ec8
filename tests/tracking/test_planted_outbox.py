"""An unsent run that somebody else put there sends nothing of this user's."""

from __future__ import annotations

import logging
import os
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.tracking.address import address_of
from pipeline.tracking.open_tracker import open_tracker, send_unsent
from pipeline.tracking.outbox import Entry, OutboxRun, new_outbox, outbox_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret.txt"
    file.write_text("hush")
    return file


def plant(root: StoragePath, experiment: str, *names: str) -> Path:
    """An unsent run with artifacts that are files of these names."""
    address = address_of(TrackConfig(), root)
    run = OutboxRun(
        uri=address.uri,
        artifacts=address.artifacts,
        experiment=experiment,
        run_name="evil",
        tags={},
        token=uuid.uuid4().hex,
        started=1,
    )
    outbox = new_outbox(Path(root.path, "spool"), run)
    for number, name in enumerate(names):
        outbox.add(Entry(kind="artifact", time=1, path=f"{number}.txt", file=name))
    outbox.add_artifact("good.txt", b"good", 1)
    outbox.leave()
    return outbox.folder


def artifacts_of(client: MlflowClient, experiment: str) -> list[str]:
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id])
    return [file.path for file in client.list_artifacts(run.info.run_id)]


def test_only_files_of_its_own_folder_are_sent(client, track_root, secret, caplog, request):
    folder = plant(track_root, request.node.name, str(secret), f"../../../{secret.parent.name}/secret.txt", "link.txt")
    (folder / "link.txt").symlink_to(secret)
    send_unsent(address_of(TrackConfig(), track_root), track_root)
    assert artifacts_of(client, request.node.name) == ["good.txt"]
    assert "MLflow did not take 0.txt of run" in caplog.text
    assert "is not the name of a file in" in caplog.text
    assert not folder.exists()


@pytest.mark.parametrize("way", ["a link", "writable", "somebody's"])
def test_a_run_that_others_may_have_written_is_left_alone(client, track_root, caplog, monkeypatch, request, way):
    caplog.set_level(logging.WARNING)
    folder = plant(track_root, request.node.name)
    elsewhere = folder.parents[1] / "elsewhere"
    if way == "a link":
        folder.rename(elsewhere)
        folder.symlink_to(elsewhere)
    elif way == "writable":
        folder.chmod(0o770)
    else:
        owner = folder.stat().st_uid
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    send_unsent(address_of(TrackConfig(), track_root), track_root)
    assert client.get_experiment_by_name(request.node.name) is None
    assert f"The unsent run in {folder} is left alone: " in caplog.text
    for path in (folder, elsewhere):
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            path.chmod(0o700)
            for file in path.iterdir():
                file.unlink()
            path.rmdir()


def test_with_a_folder_that_somebody_else_made_the_run_is_not_tracked(bucket: str, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    root = storage_path(bucket)
    planted = tmp_path / f"pipeline-spool-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    with pytest.raises(PermissionError, match="others may write to"):
        outbox_folder(root)
    config = TrackConfig(uri=f"sqlite:///{tmp_path}/mlflow.db")
    with open_tracker(config, root=root, experiment="x", run_name="x", stage="train"):
        pass
    assert "This run is not tracked, because its outbox cannot be written: others may write to" in caplog.text
    planted.chmod(0o700)
    assert outbox_folder(root) == planted
