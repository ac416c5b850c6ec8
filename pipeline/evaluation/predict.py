"""A split, scored by the ranks; see `predict_rank`.

The driver merges the accumulators that ranks leave in the order of the shards, so that the result does not depend on
the number of ranks. It never holds rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.accumulator import Accumulator, AccumulatorSpec, accumulator_from_bytes, merge_accumulators
from pipeline.evaluation.importance import Shuffled
from pipeline.evaluation.plot_window import PlotWindow, plot_window_of
from pipeline.evaluation.predict_job import PredictJob, RankResult, accumulator_file
from pipeline.evaluation.row_sample import sample_rows
from pipeline.runtime.ranks import run_ranks
from pipeline.store import filesystem as files
from pipeline.store.filesystem import StoragePath, storage_path
from pipeline.store.store import Store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


TARGET = "pipeline.evaluation.predict_rank:run"
FOLLOW_UP = "pipeline.evaluation.predict_rank:follow_training"
FIRST_LOOK = 10_000
"""Number of rows whose labels determine the axes of plots."""


@dataclass(frozen=True)
class Scored:
    """A scored split.

    Attributes:
        accumulators: accumulators by model: `NETWORK` and the baselines.
        shuffled: results of permutation importance, from all ranks.
    """

    accumulators: Mapping[str, Accumulator]
    shuffled: tuple[Shuffled, ...]


def plot_window_of_rows(store: Store, split: str) -> PlotWindow:
    """The window of plots, from the labels of a split's first rows."""
    return plot_window_of(np.concatenate([rows.label for rows in sample_rows(store, split, FIRST_LOOK)]))


def predict_split(spark: SparkSession, workers: int, job: PredictJob, store: Store) -> Scored:
    """Score a split on `workers` ranks."""
    texts = run_ranks(spark, workers, TARGET, payload=job.to_json(), scratch=storage_path(job.scratch))
    results = [RankResult.from_json(text, "the result of a rank") for text in texts]
    return Scored(
        merged_accumulators(job, store), tuple(shuffled for result in results for shuffled in result.shuffled)
    )


def merged_accumulators(job: PredictJob, store: Store) -> dict[str, Accumulator]:
    """The accumulators that all ranks have left for a job, by model."""
    scratch = storage_path(job.scratch)
    return {name: _merged(scratch, name, spec, store) for name, spec in job.accumulator_specs(store).items()}


def _merged(scratch: StoragePath, name: str, spec: AccumulatorSpec, store: Store) -> Accumulator:
    """Merge the accumulators of all shards, one after the other, so that no more than two are in memory."""
    accumulator = spec.empty()
    for shard in range(store.manifest.shards):
        part = accumulator_from_bytes(files.read_bytes(accumulator_file(scratch, name, shard)))
        accumulator = merge_accumulators([accumulator, part])
    return accumulator
