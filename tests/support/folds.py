"""Cross-validations that are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.evaluation.folds import CrossvalReport, FoldScore, summarize


def fold(number: int, metrics: Mapping[str, float | None], **more: object) -> FoldScore:
    sizes = {"train_rows": 700, "validation_rows": 100, "test_rows": 200, "epochs": 4, "best_epoch": 3}
    return FoldScore(fold=number, metrics=metrics, **{**sizes, **more})


def crossval(columns: Mapping[str, Sequence[float | None]], *, repeats: int = 1, **more: object) -> CrossvalReport:
    """A report of the values of metrics by fold."""
    values = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    scores = [fold(number, metrics) for number, metrics in enumerate(values)]
    about = {"task": "regression", "label": "price", "rows": 1000, "folds_id": "f00d", "scores": scores}
    return summarize(CrossvalReport(folds=len(scores) // repeats, repeats=repeats, **{**about, **more}))


def house_prices(folds: int, repeats: int = 1, *, seed: int = 0, gain: float = 0.0) -> CrossvalReport:
    """RMSE, MAE and R2 with some chance in them, hard folds being hard for every seed, with histories.

    Args:
        folds: of one repeat.
        repeats: of them.
        seed: of what differs between two models.
        gain: by which the errors are smaller.
    """
    count = folds * repeats
    hard, own = np.random.default_rng(99).normal(size=count), np.random.default_rng(seed).normal(size=count)
    rmse = 120_000.0 - gain + 9_000.0 * hard + 900.0 * own
    scores = []
    for number, value in enumerate(rmse):
        epochs = 8 + (7 * number + 3 * seed) % 9
        course = value * (1.0 + np.exp(-0.5 * np.arange(epochs)) + 0.02 * np.abs(np.arange(epochs) - epochs + 3))
        history = {"loss": tuple(course / 2e5), "val_loss": tuple(course / 1.9e5), "val_mae": tuple(course / 2.0)}
        metrics = {
            "rmse": float(value),
            "mae": float(0.5 * value + 500.0 * own[number]),
            "r2": 1.0 - (value / 3e5) ** 2,
        }
        sizes = {"epochs": epochs, "best_epoch": epochs - 3, "history": history}
        scores.append(fold(number, metrics, **sizes))
    report = crossval({"rmse": rmse}, repeats=repeats)
    return summarize(report.model_copy(update={"scores": tuple(scores)}))
