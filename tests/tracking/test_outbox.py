"""Outboxes that were damaged: each is named and kept, what can be read is sent, and no other waits for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.config.run import TrackConfig
from pipeline.store.filesystem import StoragePath
from pipeline.tracking.address import Address, address_of
from pipeline.tracking.open_tracker import send_unsent
from pipeline.tracking.outbox import Entry, Outbox, OutboxRun, new_outbox, outbox_folder
from tests.support.stores import regression_state

if TYPE_CHECKING:
    from mlflow import MlflowClient

STEPS = range(1, 6)


@pytest.fixture
def address(track_root: StoragePath) -> Address:
    return address_of(TrackConfig(), track_root)


@pytest.fixture
def left(free_folder: StoragePath, address: Address, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Leaves the outbox of a finished run that could not be sent."""

    def leave(name: str) -> Path:
        run = OutboxRun(
            uri=address.uri, artifacts=address.artifacts, experiment=request.node.name, run_name=name, tags={},
            token=name, started=1,
        )  # fmt: skip
        outbox = new_outbox(outbox_folder(free_folder), run)
        for step in STEPS:
            outbox.add(Entry(kind="metrics", time=step, metrics={"loss": 1.0 / step}, step=step))
        outbox.add_artifact("a.txt", b"a", 7)
        outbox.add(Entry(kind="status", time=9, texts={"status": "FINISHED"}))
        outbox.leave()
        # Sorted by name: what is damaged comes first.
        return outbox.folder.rename(outbox.folder.with_name(name))

    return leave


@pytest.fixture
def arrived(client: MlflowClient, request: pytest.FixtureRequest) -> Callable[[], dict[str, tuple[str, list[int]]]]:
    """Status and steps of each run that arrived, by name."""

    def look() -> dict[str, tuple[str, list[int]]]:
        found = client.get_experiment_by_name(request.node.name)
        return {
            run.info.run_name: (
                run.info.status,
                [entry.step for entry in client.get_metric_history(run.info.run_id, "loss")],
            )
            for run in (client.search_runs([found.experiment_id]) if found else [])
        }

    return look


ALL = ("FINISHED", list(STEPS))


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"run_id": null, "sent": 99}', b'{"sent": -1, "run_id": null}', b"\xff"]
)
def test_what_was_sent_is_not_known(left, arrived, address, free_folder, content):
    first = left("0")
    left("1")
    (first / "sent.json").write_bytes(content)
    assert send_unsent(address, free_folder) == (2, 0)
    assert arrived() == {"0": ALL, "1": ALL}
    assert not list(first.parent.iterdir())


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}"])
def test_a_run_that_cannot_be_read_is_set_aside_and_named(left, arrived, address, free_folder, caplog, content):
    first = left("0")
    left("1")
    (first / "run.json").write_bytes(content)
    assert send_unsent(address, free_folder) == (1, 0)
    assert arrived() == {"1": ALL}
    kept = first.with_name("0.damaged")
    assert f"Outbox {first} is damaged: {first}/run.json is not a valid OutboxRun" in caplog.text
    assert f"It is kept as {kept}; delete it." in caplog.text
    assert [path.name for path in first.parent.iterdir()] == ["0.damaged"]
    caplog.clear()
    assert send_unsent(address, free_folder) == (0, 0)
    assert not caplog.records


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b'{"kind": "metrics"', b'{"kind": "unknown", "time": 1}', b"\r\r", b""]
)
def test_a_line_that_cannot_be_read_costs_nothing_but_itself(left, arrived, address, free_folder, caplog, content):
    first = left("0")
    left("1")
    lines = (first / "entries.jsonl").read_bytes().splitlines()
    (first / "entries.jsonl").write_bytes(b"\n".join([*lines[:1], content, *lines[2:], b""]))
    assert send_unsent(address, free_folder) == (2, 0)
    assert arrived() == {"0": ("FINISHED", [1, 3, 4, 5]), "1": ALL}
    assert "1 line of entries.jsonl cannot be read; all others were sent. It is kept as" in caplog.text
    assert content in (first.with_name("0.damaged") / "entries.jsonl").read_bytes()


def test_a_torn_last_line_is_no_damage_and_what_follows_it_is_read(left, arrived, address, free_folder):
    first = left("0")
    content = (first / "entries.jsonl").read_bytes()
    (first / "entries.jsonl").write_bytes(content[: content.rindex(b'{"kind"') + 9])  # killed while it wrote its status
    assert send_unsent(Address("sqlite:////dev/null/none"), free_folder) == (0, 0)
    assert send_unsent(address, free_folder) == (1, 0)
    assert arrived() == {"0": ("KILLED", list(STEPS))}
    assert not list(first.parent.iterdir())


def test_an_artifact_that_is_gone_costs_a_warning(left, arrived, address, free_folder, caplog):
    first = left("0")
    next(first.glob("*-a.txt")).unlink()
    assert send_unsent(address, free_folder) == (1, 0)
    assert arrived() == {"0": ALL}
    assert "MLflow did not take a.txt of run" in caplog.text


def test_an_experiment_that_was_deleted_does_not_stop_the_others(left, arrived, address, free_folder, client, caplog):
    first = left("0")
    run = json.loads((first / "run.json").read_text())
    client.delete_experiment(client.create_experiment("deleted before"))
    (first / "run.json").write_text(json.dumps(run | {"experiment": "deleted before"}))
    left("1")
    assert send_unsent(address, free_folder) == (1, 1)
    assert arrived() == {"1": ALL}
    assert f"Its entries stay in {first}. Experiment 'deleted before' was deleted" in caplog.text


def test_what_waits_survives_a_loss_of_power(free_folder, address, monkeypatch):
    """Each file that waits is synced, and the folders that name it."""
    synced, sync = set(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (synced.add(os.readlink(f"/proc/self/fd/{number}")), sync(number)))
    run = OutboxRun(uri=address.uri, artifacts=None, experiment="e", run_name="r", tags={}, token="t", started=1)
    outbox = new_outbox(outbox_folder(free_folder), run)
    assert {str(outbox.folder), str(outbox.folder.parent)} <= synced
    (Path(free_folder.path) / "model.keras").write_bytes(b"k")
    outbox.add_artifact("a.txt", b"a", 1)
    outbox.add_model(free_folder.child("model.keras"), regression_state(), 2)
    synced.clear()
    outbox.leave()
    waiting = {str(path) for path in outbox.folder.rglob("*") if path.is_file() and path.name != "run.json"}
    assert len(waiting) == 4
    assert waiting | {str(outbox.folder)} <= synced


def test_a_postponed_entry_comes_last_and_only_once(free_folder, address):
    run = OutboxRun(uri=address.uri, artifacts=None, experiment="e", run_name="r", tags={}, token="t", started=1)
    outbox = new_outbox(outbox_folder(free_folder), run)
    entries = [Entry(kind="metrics", time=time) for time in range(3)]
    for entry in entries:
        outbox.add(entry)
    assert outbox.postpone() == entries[0]
    assert outbox.pending == [entries[1], entries[2], entries[0]]
    assert isinstance(outbox, Outbox) and not outbox.is_ended
