"""Calibration and threshold, fitted at the end of training: the ranks score validation rows, rank 0 fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipeline.feed.reader import read_shard
from pipeline.feed.rows import Rows
from pipeline.model.calibration import fit_calibration
from pipeline.model.decision import calibrated
from pipeline.model.network import output_of
from pipeline.model.threshold import choose_threshold
from pipeline.runtime.activity import report_activity
from pipeline.schemas.decision import Calibration, DecisionRule
from pipeline.schemas.label import LabelSpec
from pipeline.store.store import Store
from pipeline.training.job import DecisionConfig
from pipeline.training.step_runner import StepRunner

ROWS_AT_MOST = 1_000_000
NUMBERS_AT_MOST = 16_000_000
"""Bounds what every rank holds to 128 MB: with many classes, fewer rows are scored."""


@dataclass(frozen=True)
class Scored:
    """n rows with the network's probabilities.

    Attributes:
        label: class ids, float64 [n].
        probabilities: float64 [n, 1] or [n, k].
    """

    label: NDArray[np.float64]
    probabilities: NDArray[np.float64]


def fit_decision(config: DecisionConfig, store: Store, runner: StepRunner) -> DecisionRule:
    """Fit calibration and threshold on validation rows; only rank 0's result counts, the other ranks help to score.

    Reads nothing where nothing is to be fitted. Where the validation rows do not allow a fit, the rule has a remark
    instead of an error: a model that took long to train must not be lost for that.
    """
    if not config.needs_rows:
        return DecisionRule(threshold=config.threshold.at)
    report_activity("scores validation rows")
    scored = _gather(store, runner)
    if runner.world.rank > 0:
        return DecisionRule()
    report_activity("fits calibration and threshold")
    return decision_of(config, store.features.label, scored)


def decision_of(config: DecisionConfig, label: LabelSpec, scored: Scored) -> DecisionRule:
    """The decision rule fitted on scored rows."""
    ids = scored.label.astype(np.int64)
    seen = np.unique(ids)
    if len(seen) < 2:
        only = f"all validation rows are of class '{label.classes[seen[0]]}'" if len(seen) else ""
        rows = only or "there are no validation rows"
        return DecisionRule(
            threshold=config.threshold.at,
            remark=f"Calibration and threshold were not fitted: {rows}. Allowed: rows of at least two classes. Raise "
            "split.fractions.validation, or stratify the split.",
        )
    probabilities = scored.probabilities[:, 0] if scored.probabilities.shape[1] == 1 else scored.probabilities
    calibration = fit_calibration(config.calibration, ids, probabilities)
    threshold, goal = _threshold(config, calibration, ids, probabilities)
    return DecisionRule(calibration=calibration, threshold=threshold, goal=goal, rows=len(ids))


def _threshold(
    config: DecisionConfig, calibration: Calibration, ids: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> tuple[float, str]:
    if config.threshold.goal is None:
        return config.threshold.at, ""
    return choose_threshold(config.threshold, ids, calibrated(calibration, probabilities))


def _gather(store: Store, runner: StepRunner) -> Scored:
    """Score the first rows of the validation split, in the order of its shards, whatever the number of ranks."""
    width, world = store.features.label.outputs, runner.world
    parts = [np.empty((0, 2 + width))]
    for shard, rows in _rows(store, range(world.rank, store.manifest.shards, world.size), width):
        probabilities = np.asarray(runner.head.predict(output_of(runner.network, rows))).reshape(-1, width)
        parts.append(np.column_stack([np.full(len(rows), shard), rows.label, probabilities]))
        report_activity("scores validation rows")
    table = world.gather([tf.constant(np.concatenate(parts), tf.float64)], "validation_scores")[0].numpy()
    in_order = table[np.argsort(table[:, 0], kind="stable")]
    return Scored(label=in_order[:, 1], probabilities=in_order[:, 2:])


def _rows(store: Store, shards: range, width: int) -> Iterator[tuple[int, Rows]]:
    """The rows of this rank's shards, up to the bound on rows."""
    limit = min(ROWS_AT_MOST, NUMBERS_AT_MOST // width)
    counts = store.split("validation").shard_rows(store.manifest.shards)
    for shard in shards:
        left = limit - sum(counts[:shard])
        if left <= 0:
            return
        for rows in read_shard(store, "validation", shard):
            taken = rows.take(slice(max(left, 0)))
            left -= len(rows)
            if len(taken):
                yield shard, taken
