"""What each rank is asked to score, and how."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.evaluation.accumulator import AccumulatorSpec
from pipeline.evaluation.importance import Shuffled
from pipeline.evaluation.plot_window import PlotWindow
from pipeline.schemas.columns import ROW_ID
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.document import Document
from pipeline.store.filesystem import StoragePath
from pipeline.store.store import Store

NETWORK, LINEAR = "network", "linear"
LABEL = "label"
LINEAR_FILE = "linear.npz"


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
        constant: what the simplest model predicts; see `baselines.Baselines`.
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

    def accumulator_specs(self, store: Store) -> dict[str, AccumulatorSpec]:
        """What is counted of each model. A decision belongs to the network that it was made for; intervals are those
        of the network alone."""
        label, window = store.features.label, PlotWindow(np.array(self.edges), self.log)
        simple = AccumulatorSpec(label, DecisionRule(), window, groups=1)
        specs = {NETWORK: AccumulatorSpec(label, self.decision, window)}
        if self.constant:
            specs[label.target.constant] = simple
        return specs | ({LINEAR: simple} if self.linear else {})


class RankResult(Document):
    """What a rank tells by itself.

    Attributes:
        shuffled: the columns that it shuffled.
    """

    shuffled: tuple[Shuffled, ...] = ()


def prediction_schema(outputs: int) -> pa.Schema:
    """Of predictions that are kept, all as the accumulator took them: so many doubles beside the label."""
    doubles = [LABEL, *(f"p{output}" for output in range(outputs))]
    return pa.schema([(ROW_ID, pa.int64()), *((name, pa.float64()) for name in doubles)])


def accumulator_file(scratch: StoragePath, name: str, shard: int) -> StoragePath:
    """Where a rank leaves the accumulator of a shard, for the model of this name."""
    return scratch.child("accumulators", name, f"{shard:06d}.npz")
