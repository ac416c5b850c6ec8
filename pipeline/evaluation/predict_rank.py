"""How ranks score a split: each takes the shards that it would train on.

A rank writes an accumulator for every shard and model to the launch's scratch folder, as numpy files without pickle,
and, if they are needed, the predictions themselves as Parquet. Ranks take no common steps: there is no collective here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import TrainError
from pipeline.evaluation.accumulator import Accumulator, AccumulatorSpec, accumulator_to_bytes, merge_accumulators
from pipeline.evaluation.baselines import linear_inputs
from pipeline.evaluation.bootstrap_groups import groups_of
from pipeline.evaluation.importance import measure_importance
from pipeline.evaluation.linear_baseline import LinearBaseline
from pipeline.evaluation.predict_job import (
    LINEAR,
    LINEAR_FILE,
    NETWORK,
    PredictJob,
    RankResult,
    accumulator_file,
    prediction_schema,
)
from pipeline.feed.reader import read_shard
from pipeline.feed.rows import Rows
from pipeline.model.decision import calibrated
from pipeline.runtime.activity import report_activity
from pipeline.runtime.rank_info import RankInfo
from pipeline.schemas.decision import DecisionRule
from pipeline.store import filesystem as files
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import store_folder
from pipeline.store.model import local_copy
from pipeline.store.store import Store, open_store

NUMBERS_AT_ONCE = 1 << 22
"""Predictions that are accumulated together: those of a whole row slice for a thousand classes would take gigabytes."""
SCORES = "scores held-out rows"
"""The activity of ranks that predict after training."""
Predict = Callable[[Rows], npt.NDArray[np.float64]]
"""From n rows to predictions: [n], or [n, k] probabilities of several classes."""


def run(payload: str, info: RankInfo) -> str:
    """Score this rank's shards; `payload` is a `PredictJob`, the result a `RankResult`, both as JSON."""
    from pipeline.model.device import configure_devices

    configure_devices(None, info.local_size, info.local_rank)
    job = PredictJob.from_json(payload, "the job of this rank")
    store = _open_store(job)
    network = _predict_by(_load(job), job.decision, store)
    _score(job, store, network, range(info.rank, store.manifest.shards, info.size))
    spec = AccumulatorSpec.of(store.features.label, decision=job.decision, groups=1)
    shuffled = measure_importance(
        store, job.split, spec, network, rows=job.importance_rows, seed=job.seed, rank=(info.rank, info.size)
    )
    return RankResult(shuffled=shuffled).to_json()


def follow_training(payload: str, network: Any, decision: DecisionRule, rank: int, ranks: int) -> None:
    """Score this rank's shards by the network that it has just trained; a `FollowUpFunction` of `training`.

    Args:
        payload: a `PredictJob` without a model, as JSON.
        network: the trained network.
        decision: its decision rule, which replaces that of the job.
        rank: this rank.
        ranks: their number.
    """
    job = PredictJob.from_json(payload, "the job of this rank").model_copy(update={"decision": decision})
    if job.unless is not None and files.exists(storage_path(job.unless)):
        return
    store = _open_store(job)
    predict = _predict_by(network, decision, store)

    def predict_and_report(rows: Rows) -> npt.NDArray[np.float64]:
        report_activity(SCORES)
        return predict(rows)

    _score(job, store, predict_and_report, range(rank, store.manifest.shards, ranks))


def _open_store(job: PredictJob) -> Store:
    return open_store(store_folder(storage_path(job.root), job.name, job.store_id))


def _predict_by(network: Any, decision: DecisionRule, store: Store) -> Predict:
    """The trained network, with calibrated probabilities."""
    from pipeline.model.head import build_head
    from pipeline.model.network import output_of

    head = build_head(store.features.label, "auto")

    def predict(rows: Rows) -> npt.NDArray[np.float64]:
        return calibrated(decision.calibration, head.predict(output_of(network, rows)))

    return predict


def _score(job: PredictJob, store: Store, network: Predict, shards: Iterable[int]) -> None:
    """Write the accumulators of some shards, and their predictions if they are kept."""
    models, scratch = _models(job, store, network), storage_path(job.scratch)
    for shard in shards:
        for name, accumulator in _count(job, store, shard, models).items():
            files.write_atomically(accumulator_file(scratch, name, shard), accumulator_to_bytes(accumulator))


def _models(job: PredictJob, store: Store, network: Predict) -> dict[str, Predict]:
    return {
        name: network if name == NETWORK else _simple_model(job, store, name) for name in job.accumulator_specs(store)
    }


def _simple_model(job: PredictJob, store: Store, name: str) -> Predict:
    if name == LINEAR:
        linear = LinearBaseline.from_bytes(files.read_bytes(storage_path(job.scratch).child(LINEAR_FILE)))
        return lambda rows: linear.predict(linear_inputs(store, rows))
    # For two classes, as with every network, the probability of class id 1.
    value = np.array(job.constant[1:] if len(job.constant) == 2 else job.constant)
    return lambda rows: np.broadcast_to(value, (len(rows), len(value)))


def _count(job: PredictJob, store: Store, shard: int, models: Mapping[str, Predict]) -> dict[str, Accumulator]:
    specs, first = job.accumulator_specs(store), 0
    accumulators: dict[str, Accumulator] = {}
    with _kept(job, store, shard) as keep:
        for rows in _pieces(read_shard(store, job.split, shard), store.features.label.outputs):
            group = groups_of(shard, store.manifest.shards, first, len(rows))
            for name, spec in specs.items():
                prediction = models[name](rows)
                new = spec.accumulate(rows.row_id, rows.label, prediction, group if spec.groups > 1 else None)
                accumulators[name] = merge_accumulators([accumulators[name], new]) if name in accumulators else new
                if name == NETWORK:
                    keep(rows, prediction)
            first += len(rows)
    return accumulators or {name: spec.empty() for name, spec in specs.items()}


def _pieces(windows: Iterable[Rows], width: int) -> Iterator[Rows]:
    """The same rows in pieces of at most `NUMBERS_AT_ONCE` predictions, `width` for each row."""
    size = max(NUMBERS_AT_ONCE // width, 1)
    for rows in windows:
        for first in range(0, len(rows), size):
            yield rows.take(slice(first, first + size))


@contextmanager
def _kept(job: PredictJob, store: Store, shard: int) -> Iterator[Callable[[Rows, npt.NDArray[np.float64]], None]]:
    """Give a function that writes rows and predictions to the shard's file, or does nothing if none are kept."""
    if job.predictions is None:
        yield lambda rows, prediction: None
        return
    schema = prediction_schema(store.features.label.outputs)
    file = storage_path(job.predictions).child(f"{shard:06d}.parquet")
    files.make_folder(file.folder)
    with file.filesystem.open_output_stream(file.path) as out, pq.ParquetWriter(out, schema) as writer:

        def keep(rows: Rows, prediction: npt.NDArray[np.float64]) -> None:
            columns = prediction.reshape(len(rows), -1).T
            writer.write_table(pa.table([rows.row_id, rows.label, *columns], schema=schema))

        yield keep


def _load(job: PredictJob) -> Any:
    from pipeline.model.serving import load_network

    if job.model is None:
        raise TrainError("The job of this rank names no model to predict with. Train the model first.")
    with local_copy(storage_path(job.model), job.sha256) as path:
        return load_network(path)
