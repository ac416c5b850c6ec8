"""Predictions for one split, spread over the ranks: each rank scores the shards that it would train on.

Ranks leave their predictions as numpy files, without pickle, in the launch's scratch folder; the driver puts them
together in the order of row ids, so that the result does not depend on the number of ranks.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.contract.document import Document
from pipeline.feed.reader import read_shard
from pipeline.runtime.ranks import Peers, run_ranks
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root, open_root
from pipeline.store.layout import MODEL, store_place
from pipeline.store.model import read_model
from pipeline.store.store import Store, open_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TARGET = "pipeline.evaluate.predict:run"


class PredictJob(Document):
    """The work of every rank.

    Attributes:
        root: the storage root's URI.
        name: of the experiment.
        store_id: what to read.
        model: URI of the model file to apply.
        sha256: of that file.
        split: which rows.
        scratch: URI of the folder for results.
    """

    root: str
    name: str
    store_id: str
    model: str
    sha256: str
    split: str
    scratch: str


@dataclass(frozen=True)
class Predictions:
    """n scored rows, in the order of their ids.

    Attributes:
        row_id: int64 [n].
        label: float64 [n], in the label's own unit, or the class id.
        prediction: float64 [n], or [n, k] probabilities of several classes.
    """

    row_id: npt.NDArray[np.int64]
    label: npt.NDArray[np.float64]
    prediction: npt.NDArray[np.float64]


def predict_split(spark: SparkSession, workers: int, job: PredictJob) -> Predictions:
    """Score a split on `workers` ranks."""
    scratch = open_root(job.scratch)
    run_ranks(spark, workers, TARGET, payload=job.to_json(), scratch=scratch)
    return in_order([_load(scratch.within(_part(rank))) for rank in range(workers)])


def in_order(parts: Sequence[Predictions]) -> Predictions:
    """All parts' rows in the order of their ids; rows of one id go by their labels."""
    row_id = np.concatenate([part.row_id for part in parts])
    label = np.concatenate([part.label for part in parts])
    order = np.lexsort((label, row_id))
    prediction = np.concatenate([part.prediction for part in parts])
    return Predictions(row_id[order], label[order], prediction[order])


def run(payload: str, peers: Peers) -> str:
    """Score this rank's shards."""
    from pipeline.model.device import configure_devices

    configure_devices(None, peers.local_size, peers.local_rank)
    job = PredictJob.from_json(payload, "the job of this rank")
    store = open_store(store_place(open_root(job.root), job.name, job.store_id))
    scored = [_nothing(store), *_score(job, store, range(peers.rank, store.manifest.shards, peers.size))]
    found = in_order(scored)
    buffer = io.BytesIO()
    np.savez(buffer, row_id=found.row_id, label=found.label, prediction=found.prediction)
    files.write_atomically(open_root(job.scratch).within(_part(peers.rank)), buffer.getvalue())
    return str(len(found.label))


def _score(job: PredictJob, store: Store, shards: range) -> Iterator[Predictions]:
    from pipeline.model.head import build_head

    network = _network(job)
    head = build_head(store.features.label, "auto")
    for shard in shards:
        for rows in read_shard(store, job.split, shard):
            inputs = {name: getattr(rows, name) for name in network.input}
            prediction = head.predict(network(inputs, training=False))
            yield Predictions(rows.row_id, rows.label, np.asarray(prediction, np.float64))


def _network(job: PredictJob) -> Any:
    """Keras reads local files only; the storage root may be elsewhere."""
    from pipeline.model.serving import load_network

    content = read_model(open_root(job.model), job.sha256)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        path.write_bytes(content)
        return load_network(path)


def _nothing(store: Store) -> Predictions:
    """A rank may have no rows at all."""
    width = store.features.label.outputs
    return Predictions(np.empty(0, np.int64), np.empty(0), np.empty((0,) if width == 1 else (0, width)))


def _part(rank: int) -> str:
    return f"predictions/{rank:06d}.npz"


def _load(place: Root) -> Predictions:
    with np.load(io.BytesIO(files.read_bytes(place)), allow_pickle=False) as part:
        return Predictions(part["row_id"], part["label"], part["prediction"])
