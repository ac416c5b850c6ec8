"""The baselines of a store: simple models, fitted on a sample of its training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.linear_baseline import Inputs, LinearBaseline, fit_baseline
from pipeline.evaluation.row_sample import concatenate, sample_rows
from pipeline.feed.rows import Rows
from pipeline.schemas.profile import NumberProfile
from pipeline.schemas.tensors import Dtype
from pipeline.store.store import Store, read_profile


@dataclass(frozen=True)
class Baselines:
    """Simple models of a store.

    Attributes:
        constant: the constant prediction: the mean label of training rows, or the share of each class in them.
        linear: a linear model on the features; None if none was asked for.
    """

    constant: tuple[float, ...]
    linear: LinearBaseline | None


def fit_baselines(store: Store, *, linear: bool, rows: int) -> Baselines:
    """Fit on at most `rows` training rows; statistics that the store has of all training rows are used as they are."""
    training = concatenate(list(sample_rows(store, "train", rows)))
    spec = store.features.label
    if not spec.classes:
        model = fit_baseline(spec, linear_inputs(store, training), training.label) if linear else None
        return Baselines((_mean(store, training),), model)
    ids = training.label.astype(np.int64)
    counts = np.array(spec.counts or np.bincount(ids, minlength=len(spec.classes)), np.float64)
    model = fit_baseline(spec, linear_inputs(store, training), ids) if linear else None
    return Baselines(tuple((counts / counts.sum()).tolist()), model)


def _mean(store: Store, training: Rows) -> float:
    profile = read_profile(store)
    mean = profile.label.train.mean if profile and isinstance(profile.label, NumberProfile) else None
    return float(training.label.mean()) if mean is None else mean


def linear_inputs(store: Store, rows: Rows) -> Inputs:
    """Rows as the linear model takes them: all tensors of numbers, and all tensors of ids."""
    return Inputs(
        numeric=_matrix(store, rows, "float32"),
        ids=_matrix(store, rows, "int32"),
        sizes=[feature.size for _, feature in store.features.id_columns],
    )


def _matrix(store: Store, rows: Rows, dtype: Dtype) -> NDArray[Any]:
    """The tensors of one type and one dimension, concatenated: [n, width]."""
    specs = [spec for spec in store.features.tensors if spec.dtype == dtype and len(spec.shape) == 1]
    parts = [rows.tensors[spec.name] for spec in specs]
    return parts[0] if len(parts) == 1 else np.hstack([np.empty((len(rows), 0), dtype), *parts])
