"""The entries of an outbox as requests to MLflow."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.tracking.mlflow_models import log_model, register_model
from pipeline.tracking.outbox import Entry, Outbox

if TYPE_CHECKING:
    from mlflow import MlflowClient


METRICS_PER_REQUEST = 1000
"""The most metrics of one request that MLflow accepts."""


def next_batch(pending: Sequence[Entry], *, several: bool) -> list[Entry]:
    """The entries of the next request: one, or with `several` consecutive metrics; empty where none is pending."""
    batch = list(pending[:1])
    if several and batch and batch[0].kind == "metrics":
        numbers = len(batch[0].metrics)
        for entry in pending[1:]:
            numbers += len(entry.metrics)
            if entry.kind != "metrics" or numbers > METRICS_PER_REQUEST:
                break
            batch.append(entry)
    return batch


def send(client: MlflowClient, outbox: Outbox, entries: list[Entry]) -> Any:
    """Send one entry, or several of metrics; returns the URI of a model, or the registered version."""
    from mlflow.entities import Metric, Param, RunTag

    entry, run_id = entries[0], str(outbox.run_id)
    match entry.kind:
        case "metrics":
            metrics = [Metric(n, v, e.time, e.step) for e in entries for n, v in e.metrics.items()]
            client.log_batch(run_id, metrics=metrics)
        case "params":
            client.log_batch(run_id, params=[Param(name, value) for name, value in entry.texts.items()])
        case "tags":
            client.log_batch(run_id, tags=[RunTag(name, value) for name, value in entry.texts.items()])
        case "artifact":
            _send_artifact(client, outbox, entry)
        case "model":
            return log_model(client, run_id, *outbox.model(entry))
        case "register":
            return register_model(client, run_id, entry.texts)
        case "status":
            client.set_terminated(run_id, entry.texts["status"], end_time=entry.time)
    return None


def _send_artifact(client: MlflowClient, outbox: Outbox, entry: Entry) -> None:
    """Send an artifact from a copy that has its name in the run."""
    folder, _, name = entry.path.rpartition("/")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / name
        copy.write_bytes(outbox.artifact(entry))
        client.log_artifact(str(outbox.run_id), str(copy), folder or None)


def now() -> int:
    """Milliseconds since 1970, the unit of MLflow's times."""
    return int(time.time() * 1000)
