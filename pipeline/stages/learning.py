"""The diagnosis of a training run's learning curves, given its settings and its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.evaluation.diagnosis import diagnose
from pipeline.evaluation.finding import Finding
from pipeline.evaluation.loss_curves import loss_curves
from pipeline.model.losses import loss_of
from pipeline.schemas.profile import NumberProfile
from pipeline.store.store import Store, read_profile
from pipeline.training.spec import TrainingSpec


def findings_of(
    spec: TrainingSpec, store: Store, values: Mapping[str, Sequence[float]], best: int
) -> tuple[Finding, ...]:
    """Diagnose the learning curves of a training run.

    Args:
        spec: the training run.
        store: the store that it trained on.
        values: the values of each metric by epoch, keyed as Keras does.
        best: the epoch whose weights are kept, counted from 1.
    """
    label, weighted = store.features.label, spec.train.class_weights != "none"
    curves = loss_curves(
        values,
        best=best,
        planned=spec.train.epochs,
        constant=None if weighted else label.target.constant_loss(label, loss_of(label, spec.train.loss).name),
        deviation=_deviation(store),
        train_only_regularizers=spec.model.train_only_regularizers(),
        comparable=not weighted,
    )
    return diagnose(curves)


def _deviation(store: Store) -> float | None:
    """The standard deviation of a numeric label over training rows; None where it is not known."""
    profile = read_profile(store)
    if profile is None or not isinstance(profile.label, NumberProfile):
        return None
    return profile.label.train.std
