"""The linear baseline of a store: fitted on a sample of its training rows, applied to all rows of another split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.evaluate.baseline import Inputs, fit_baseline
from pipeline.evaluate.predict import Predictions, in_order
from pipeline.feed.reader import read_shard
from pipeline.feed.rows import Rows
from pipeline.store.store import Store


def predict_linear(store: Store, split: str, *, fit_rows: int) -> Predictions:
    """Fit on `fit_rows` training rows at most, and score every row of `split`, a row group at a time."""
    sizes = [feature.size for _, feature in store.features.id_columns]
    training = concatenate(list(sample_rows(store, "train", fit_rows)))
    spec = store.features.label
    label = training.label.astype(np.int64) if spec.classes else training.label
    model = fit_baseline(spec, _inputs(training, sizes), label)
    scored = [
        Predictions(rows.row_id, rows.label, model.predict(_inputs(rows, sizes)))
        for rows in sample_rows(store, split, store.split(split).rows)
    ]
    return in_order(scored)


def sample_rows(store: Store, split: str, limit: int) -> Iterator[Rows]:
    """Row groups of a split, shard by shard, until `limit` rows were given.

    Shards are filled by a hash of the row, so the first rows are as good a sample as any.
    """
    left = limit
    for shard in range(store.manifest.shards):
        for rows in read_shard(store, split, shard):
            if left <= 0:
                return
            yield rows.take(slice(left))
            left -= len(rows)


def concatenate(parts: Sequence[Rows]) -> Rows:
    """All rows of `parts`, of which there is at least one."""
    return Rows(
        np.concatenate([part.numeric for part in parts]),
        np.concatenate([part.categorical for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.row_id for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )


def _inputs(rows: Rows, sizes: Sequence[int]) -> Inputs:
    return Inputs(numeric=rows.numeric, ids=rows.categorical, sizes=sizes)
