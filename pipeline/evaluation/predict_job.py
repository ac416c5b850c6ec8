"""What ranks score, and how: the job that each of them gets."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.importance import Shuffled
from pipeline.evaluation.plot_window import PlotWindow
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import Document
from pipeline.schemas.store_schema import ROW_ID
from pipeline.store.filesystem import StoragePath
from pipeline.store.store import Store

NETWORK, LINEAR = "network", "linear"
LABEL = "label"
LINEAR_FILE = "linear.npz"


class PredictJob(Document):
    """The job of every rank.

    Attributes:
        root: the storage root's URI.
        name: name of the experiment.
        store_id: id of the store to read.
        model: URI of the Keras file of the model; None where the ranks have just trained it.
        sha256: SHA-256 of that file.
        split: the split to score.
        scratch: URI of the folder for results, which also holds the linear baseline.
        decision: how the network's probabilities are calibrated and become classes.
        edges: edges of the window of a regression's plots.
        log: whether the edges have equal ratios.
        constant: the constant prediction; see `baselines.Baselines`.
        linear: whether there is a linear baseline.
        predictions: URI of the folder for predictions as Parquet; None writes none.
        unless: URI of a file that another job publishes with the same predictions: if it exists, nothing is scored.
        importance_rows: the largest number of rows for permutation importance; 0 measures none.
        seed: seed of the permutations.
    """

    root: str
    name: str
    store_id: str
    model: str | None = None
    sha256: str = ""
    split: str
    scratch: str
    decision: DecisionRule = DecisionRule()
    edges: tuple[float, ...] = (-1.0, 1.0)
    log: bool = False
    constant: tuple[float, ...] = ()
    linear: bool = False
    predictions: str | None = None
    unless: str | None = None
    importance_rows: int = 0
    seed: int = 0

    def accumulator_specs(self, store: Store) -> dict[str, AccumulatorSpec]:
        """The spec of each model's accumulator, by model. Only the network has a decision rule and intervals."""
        label, window = store.features.label, PlotWindow(np.array(self.edges), self.log)
        simple = AccumulatorSpec(label, DecisionRule(), window, groups=1)
        specs = {NETWORK: AccumulatorSpec(label, self.decision, window)}
        if self.constant:
            specs[label.target.constant] = simple
        return specs | ({LINEAR: simple} if self.linear else {})


class RankResult(Document):
    """What a rank returns.

    Attributes:
        shuffled: results of permutation importance for its columns.
    """

    shuffled: tuple[Shuffled, ...] = ()


def prediction_schema(outputs: int) -> pa.Schema:
    """The schema of predictions in files: the row, its label, and as many predictions as the network has outputs."""
    doubles = [LABEL, *(f"p{output}" for output in range(outputs))]
    return pa.schema([(ROW_ID, pa.int64()), *((name, pa.float64()) for name in doubles)])


def accumulator_file(scratch: StoragePath, name: str, shard: int) -> StoragePath:
    """Where a rank leaves the accumulator of a shard, for the model of this name."""
    return scratch.child("accumulators", name, f"{shard:06d}.npz")
