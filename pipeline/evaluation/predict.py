"""A split, predicted and counted by the ranks: each takes the shards that it would train on.

A rank leaves a tally for every shard and model in the launch's scratch folder, as numpy files without pickle, and where
they are needed the predictions themselves, as Parquet. The driver merges tallies in the order of the shards, so that
the result does not depend on the number of ranks, and never holds rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.evaluation.baseline import LinearBaseline
from pipeline.evaluation.bootstrap_groups import groups_of
from pipeline.evaluation.importance import Shuffled, measure_importance
from pipeline.evaluation.linear import linear_inputs, sample_rows
from pipeline.evaluation.regression import Window, window_of
from pipeline.evaluation.tally import Measure, Tally, merge_tallies, tally_from_bytes, tally_to_bytes
from pipeline.feed.reader import read_shard
from pipeline.feed.rows import Rows
from pipeline.model.decision import calibrated
from pipeline.runtime.rank_info import RankInfo
from pipeline.runtime.ranks import LaunchOptions, run_ranks
from pipeline.schemas.columns import ROW_ID
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import Document
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.layout import store_folder
from pipeline.store.model import local_copy
from pipeline.store.store import Store, open_store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TARGET = "pipeline.evaluation.predict:run"
NETWORK, LINEAR = "network", "linear"
LABEL = "label"
LINEAR_FILE = "linear.npz"
FIRST_LOOK = 10_000
"""Rows whose labels tell where the axes of plots end."""
NUMBERS_AT_ONCE = 1 << 22
"""Predictions that are counted together: a thousand classes of a whole window would take gigabytes."""

Predict = Callable[[Rows], npt.NDArray[np.float64]]
"""From n rows to predictions: [n], or [n, k] probabilities of several classes."""


class PredictJob(Document):
    """The work of every rank.

    Attributes:
        root: the storage root's URI.
        name: of the experiment.
        store_id: what to read.
        model: URI of the model file to apply.
        sha256: of that file.
        split: which rows.
        scratch: URI of the folder for results; the linear baseline is there.
        decision: from the network's probabilities to calibrated ones, and to classes.
        edges: of the window of a regression's plots.
        log: whether they are in equal ratios.
        constant: what the simplest model predicts; see `linear.Baselines`.
        linear: whether there is a linear baseline.
        predictions: URI of the folder where predictions are left as Parquet, too; None keeps none.
        importance_rows: how many rows permutation importance is measured on at most; 0 for none.
        seed: of the permutations.
    """

    root: str
    name: str
    store_id: str
    model: str
    sha256: str
    split: str
    scratch: str
    decision: DecisionRule = DecisionRule()
    edges: tuple[float, ...] = (-1.0, 1.0)
    log: bool = False
    constant: tuple[float, ...] = ()
    linear: bool = False
    predictions: str | None = None
    importance_rows: int = 0
    seed: int = 0

    def measures(self, store: Store) -> dict[str, Measure]:
        """What is counted of each model. A decision belongs to the network that it was made for; intervals are those
        of the network alone."""
        label, window = store.features.label, Window(np.array(self.edges), self.log)
        simple = Measure(label, DecisionRule(), window, groups=1)
        found = {NETWORK: Measure(label, self.decision, window)}
        if self.constant:
            found[label.target.constant] = simple
        return found | ({LINEAR: simple} if self.linear else {})


class RankAnswer(Document):
    """What a rank tells by itself.

    Attributes:
        shuffled: the columns that it shuffled.
    """

    shuffled: tuple[Shuffled, ...] = ()


@dataclass(frozen=True)
class Scored:
    """A split, counted.

    Attributes:
        tallies: of each model, `NETWORK` and the baselines.
        shuffled: what was measured of permutation importance.
    """

    tallies: Mapping[str, Tally]
    shuffled: tuple[Shuffled, ...]


def window_of_rows(store: Store, split: str) -> Window:
    """Where the axes of plots end, by the labels of the first rows of a split."""
    return window_of(np.concatenate([rows.label for rows in sample_rows(store, split, FIRST_LOOK)]))


def predict_split(
    spark: SparkSession, workers: int, job: PredictJob, store: Store, *, always_on_spark: bool = False
) -> Scored:
    """Predict and count a split on `workers` ranks; `always_on_spark` never does so in this process."""
    scratch = storage_path(job.scratch)
    texts = run_ranks(
        spark,
        workers,
        TARGET,
        payload=job.to_json(),
        scratch=scratch,
        options=LaunchOptions(always_on_spark=always_on_spark),
    )
    answers = [RankAnswer.from_json(text, "the answer of a rank") for text in texts]
    return Scored(
        {name: _merged(scratch, name, measure, store) for name, measure in job.measures(store).items()},
        tuple(one for answer in answers for one in answer.shuffled),
    )


def prediction_schema(outputs: int) -> pa.Schema:
    """Of predictions that are kept, all as the tally took them: so many doubles beside the label."""
    doubles = [LABEL, *(f"p{place}" for place in range(outputs))]
    return pa.schema([(ROW_ID, pa.int64()), *((name, pa.float64()) for name in doubles)])


def run(payload: str, info: RankInfo) -> str:
    """Predict and count this rank's shards."""
    from pipeline.model.device import configure_devices

    configure_devices(None, info.local_size, info.local_rank)
    job = PredictJob.from_json(payload, "the job of this rank")
    store, scratch = open_store(store_folder(storage_path(job.root), job.name, job.store_id)), storage_path(job.scratch)
    network = network_of(job, store)
    models = _models(job, store, network)
    for shard in range(info.rank, store.manifest.shards, info.size):
        for name, tally in _count(job, store, shard, models).items():
            files.write_atomically(_tally_file(scratch, name, shard), tally_to_bytes(tally))
    measure = Measure.of(store.features.label, decision=job.decision, groups=1)
    shuffled = measure_importance(
        store, job.split, measure, network, rows=job.importance_rows, seed=job.seed, own=(info.rank, info.size)
    )
    return RankAnswer(shuffled=shuffled).to_json()


def network_of(job: PredictJob, store: Store) -> Predict:
    """The trained network, its probabilities calibrated."""
    from pipeline.model.head import build_head
    from pipeline.model.network import output_of

    network, head = _load(job), build_head(store.features.label, "auto")

    def predict(rows: Rows) -> npt.NDArray[np.float64]:
        return calibrated(job.decision.calibration, head.predict(output_of(network, rows)))

    return predict


def _models(job: PredictJob, store: Store, network: Predict) -> dict[str, Predict]:
    return {name: network if name == NETWORK else _simple_model(job, store, name) for name in job.measures(store)}


def _simple_model(job: PredictJob, store: Store, name: str) -> Predict:
    if name == LINEAR:
        linear = LinearBaseline.from_bytes(files.read_bytes(storage_path(job.scratch).child(LINEAR_FILE)))
        return lambda rows: linear.predict(linear_inputs(store, rows))
    # Of two classes, as of every network, the second one's probability.
    value = np.array(job.constant[1:] if len(job.constant) == 2 else job.constant)
    return lambda rows: np.broadcast_to(value, (len(rows), len(value)))


def _count(job: PredictJob, store: Store, shard: int, models: Mapping[str, Predict]) -> dict[str, Tally]:
    measures, first = job.measures(store), 0
    tallies: dict[str, Tally] = {}
    with _kept(job, store, shard) as keep:
        for rows in _pieces(read_shard(store, job.split, shard), store.features.label.outputs):
            group = groups_of(shard, store.manifest.shards, first, len(rows))
            for name, measure in measures.items():
                prediction = models[name](rows)
                new = measure.tally(rows.row_id, rows.label, prediction, group if measure.groups > 1 else None)
                tallies[name] = merge_tallies([tallies[name], new]) if name in tallies else new
                if name == NETWORK:
                    keep(rows, prediction)
            first += len(rows)
    return tallies or {name: measure.nothing() for name, measure in measures.items()}


def _pieces(windows: Iterable[Rows], width: int) -> Iterator[Rows]:
    """The same rows, of each window no more at once than have `NUMBERS_AT_ONCE` predictions, `width` each."""
    size = max(NUMBERS_AT_ONCE // width, 1)
    for rows in windows:
        for first in range(0, len(rows), size):
            yield rows.take(slice(first, first + size))


@contextmanager
def _kept(job: PredictJob, store: Store, shard: int) -> Iterator[Callable[[Rows, npt.NDArray[np.float64]], None]]:
    """Writes rows with their predictions to a file of the shard, where that is asked for."""
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

    with local_copy(storage_path(job.model), job.sha256) as path:
        return load_network(path)


def _tally_file(scratch: StoragePath, name: str, shard: int) -> StoragePath:
    return scratch.child("tallies", name, f"{shard:06d}.npz")


def _merged(scratch: StoragePath, name: str, measure: Measure, store: Store) -> Tally:
    """One after the other, so that no more than two are in memory."""
    tally = measure.nothing()
    for shard in range(store.manifest.shards):
        part = tally_from_bytes(files.read_bytes(_tally_file(scratch, name, shard)))
        tally = merge_tallies([tally, part])
    return tally
