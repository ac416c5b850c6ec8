"""Reports of made predictions: what an evaluation would find, computed from whole arrays by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from pipeline.evaluation.diagnosis import diagnose
from pipeline.evaluation.loss_curves import loss_curves
from pipeline.evaluation.report.classification import (
    CalibrationBin,
    CalibrationReport,
    ClassCurves,
    ClassMetrics,
    ConfusionMatrix,
    Curve,
    ThresholdRow,
)
from pipeline.evaluation.report.evaluation import EvalReport
from pipeline.evaluation.report.extremes import ExtremeRow, Extremes
from pipeline.evaluation.report.importance import Importance, ImportanceReport
from pipeline.evaluation.report.regression import QUANTILES, Counts, Grid, RegressionReport
from pipeline.evaluation.report.slices import SliceReport, SliceValue
from pipeline.report.evaluation_page import Subject
from pipeline.schemas.audit import Check, LeakAudit
from pipeline.schemas.decision import DecisionRule
from pipeline.store.manifest import Manifest, SplitEntry
from pipeline.store.model import ModelCard
from pipeline.training.history import TrainingHistory
from pipeline.training.records import EpochRecord

BINS = 40
Floats = NDArray[np.float64]


def regression_report(rows: int, *, noise: float = 0.2, seed: int = 0, columns: int = 6) -> EvalReport:
    """House prices of a kind; `noise` is the deviation of log(prediction / actual)."""
    rng = np.random.default_rng(seed)
    actual = np.exp(rng.normal(13.0, 0.5, rows))
    predicted = np.exp(13.0 + (np.log(actual) - 13.0) * 0.9 + rng.normal(0.0, noise, rows))
    error = predicted - actual
    known = rows > 0
    mae, rmse = float(np.abs(error).mean()) if known else None, float(np.sqrt((error**2).mean())) if known else None
    r2 = float(sk.r2_score(actual, predicted)) if rows > 1 else None
    return EvalReport(
        task="regression",
        label="SalePrice",
        rows=rows,
        metrics={
            "mae": mae,
            "rmse": rmse,
            "r2": r2,
            "median_absolute_error": float(np.median(np.abs(error))) if known else None,
            "mape": float((np.abs(error) / actual).mean()) if known else None,
        },
        intervals={"mae": (0.95 * mae, 1.05 * mae), "rmse": (0.9 * rmse, 1.1 * rmse)} if known else {},
        errors_of_bins={"median_absolute_error": 1e-4},
        baselines={
            "mean": {"mae": 180_000.0, "rmse": 300_000.0, "r2": 0.0},
            "linear": {"mae": 120_000.0, "rmse": 200_000.0, "r2": 0.5},
        },
        regression=_regression(actual, predicted),
        slices=_slices(actual, error) if known else (),
        importance=_importance("rmse", rmse, columns) if known else None,
        extremes=_extremes(actual, predicted, error),
    )


def classification_report(
    rows: int, *, classes: Sequence[str] = ("no", "yes"), skill: float = 2.0, absent: int | None = None, seed: int = 0
) -> EvalReport:
    """Probabilities of a softmax over noise and `skill` times the right class; class `absent` has no rows."""
    rng = np.random.default_rng(seed)
    frequent = np.arange(len(classes), 0, -1, dtype=float)
    if absent is not None:
        frequent[absent] = 0.0
    label = rng.choice(len(classes), rows, p=frequent / frequent.sum())
    scores = rng.normal(0.0, 1.0, (rows, len(classes)))
    scores[np.arange(rows), label] += skill
    table = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    binary = len(classes) == 2
    predicted = table.argmax(axis=1)
    matrix = sk.confusion_matrix(label, predicted, labels=range(len(classes))) if rows else np.zeros((2, 2), int)
    return EvalReport(
        task="binary" if binary else "multiclass",
        label="answer",
        rows=rows,
        metrics={
            "accuracy": float((label == predicted).mean()) if rows else None,
            "log_loss": float(-np.log(table[np.arange(rows), label]).mean()) if rows else None,
            "auc": _mean([_area(sk.roc_auc_score, label == place, table[:, place]) for place in range(len(classes))]),
        },
        intervals={"accuracy": (0.8, 0.84)} if rows else {},
        baselines={"majority": {"accuracy": 0.6, "log_loss": 0.7, "auc": None}, "linear": {"accuracy": 0.7}},
        confusion=ConfusionMatrix(classes=tuple(classes), counts=tuple(map(tuple, matrix.tolist()))),
        classes=tuple(_class(name, place, label, predicted, table) for place, name in enumerate(classes)),
        curves=tuple(_curves(classes, label, table)),
        calibration=_calibration(
            classes[1] if binary else "",
            table[:, 1] if binary else table.max(axis=1),
            label == 1 if binary else label == predicted,
        ),
        thresholds=_thresholds(label, table[:, 1]) if binary else (),
        importance=_importance("log_loss", 0.5, 5) if rows else None,
        decision=DecisionRule(threshold=0.41, goal="the highest F1", rows=1000) if binary else DecisionRule(),
    )


def _regression(actual: Floats, predicted: Floats) -> RegressionReport:
    if not actual.size:
        return RegressionReport()
    error = predicted - actual
    low, high = min(actual.min(), predicted.min()) / 1.05, max(actual.max(), predicted.max()) * 1.05
    edges = np.geomspace(low, high, BINS + 1)
    reach = float(np.abs(error).max()) * 1.05
    return RegressionReport(
        quantiles={str(share): float(np.quantile(error, share)) for share in QUANTILES},
        absolute_quantiles={str(share): float(np.quantile(np.abs(error), share)) for share in QUANTILES},
        errors=Counts(
            edges=tuple(np.linspace(-reach, reach, 121)),
            counts=tuple(np.histogram(error, np.linspace(-reach, reach, 121))[0].tolist()),
        ),
        predicted_over_actual=_grid(actual, predicted, edges, edges, log=True),
        error_over_predicted=_grid(predicted, error, np.linspace(low, high, 41), np.linspace(-reach, reach, 41)),
    )


def _grid(x: Floats, y: Floats, x_edges: Floats, y_edges: Floats, *, log: bool = False) -> Grid:
    counts = np.histogram2d(y, x, bins=(y_edges, x_edges))[0].astype(int)
    return Grid(
        x_edges=tuple(x_edges), y_edges=tuple(y_edges), counts=tuple(map(tuple, counts.tolist())),
        outside=len(x) - int(counts.sum()), log=log,
    )  # fmt: skip


def _slices(actual: Floats, error: Floats) -> tuple[SliceReport, ...]:
    values = []
    cuts = np.quantile(actual, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    for low, high in pairwise(cuts):
        part = error[(actual >= low) & (actual <= high)]
        metrics = {"mae": float(np.abs(part).mean()), "rmse": float(np.sqrt((part**2).mean()))} if len(part) else {}
        values.append(SliceValue(value=f"[{low:.0f}, {high:.0f})", rows=len(part), metrics=metrics))
    return (SliceReport(by="SqFtTotLiving", values=(*values, SliceValue(value="(null)", rows=0, metrics={}))),)


def _importance(metric: str, value: float, columns: int) -> ImportanceReport:
    return ImportanceReport(
        metric=metric,
        value=value,
        rows=10_000,
        repeats=3,
        columns=tuple(
            Importance(column=f"column_{place}", drop=value * (0.5**place - 0.01), deviation=0.02 * value)
            for place in range(columns)
        ),
    )


def _extremes(actual: Floats, predicted: Floats, error: Floats) -> Extremes:
    order = np.argsort(-np.abs(error))
    rows = [
        ExtremeRow(
            row_id=int(place),
            label=float(actual[place]),
            prediction=float(predicted[place]),
            error=float(error[place]),
            values={"Bedrooms": "3", "Zip <b>code</b>": None, "remarks": "a very long text " * 8},
        )
        for place in order
    ]
    return Extremes(worst=tuple(rows[:10]), best=tuple(rows[::-1][:10]))


def _class(name: str, place: int, label: NDArray, predicted: NDArray, table: Floats) -> ClassMetrics:
    is_class, given = label == place, predicted == place
    hits = int((is_class & given).sum())
    precision = hits / given.sum() if given.any() else None
    recall = hits / is_class.sum() if is_class.any() else None
    return ClassMetrics(
        name=name,
        rows=int(is_class.sum()),
        predicted=int(given.sum()),
        prevalence=float(is_class.mean()) if len(label) else None,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision and recall else None,
        auc=_area(sk.roc_auc_score, is_class, table[:, place]),
        average_precision=_area(sk.average_precision_score, is_class, table[:, place]),
    )


def _curves(classes: Sequence[str], label: NDArray, table: Floats):
    if len(classes) == 2:
        yield _curve(classes[1], label == 1, table[:, 1])
        return
    yield _curve("micro", (label[:, None] == np.arange(len(classes))).ravel(), table.ravel())
    for place, name in enumerate(classes):
        yield _curve(name, label == place, table[:, place])


def _curve(name: str, is_class: NDArray, scores: Floats) -> ClassCurves:
    if not 0 < is_class.sum() < len(is_class):
        return ClassCurves(name=name)
    false, true, _ = sk.roc_curve(is_class, scores)
    precision, recall, _ = sk.precision_recall_curve(is_class, scores)
    order = np.argsort(-scores)
    taken = np.arange(1, len(order) + 1) / len(order)
    lift = is_class[order].cumsum() / is_class.sum() / taken
    return ClassCurves(
        name=name,
        auc=float(sk.roc_auc_score(is_class, scores)),
        average_precision=float(sk.average_precision_score(is_class, scores)),
        roc=_thinned(false, true),
        pr=_thinned(recall[::-1], precision[::-1]),
        lift=None if name == "micro" else _thinned(taken, lift),
    )


def _thinned(x: Floats, y: Floats) -> Curve:
    places = np.unique(np.linspace(0, len(x) - 1, 200).astype(int))
    return Curve(x=tuple(x[places].tolist()), y=tuple(y[places].tolist()))


def _calibration(of: str, probability: Floats, came_true: NDArray) -> CalibrationReport:
    bins = []
    for low in np.arange(20) / 20:
        inside = (probability >= low) & (probability < low + 0.05)
        if inside.any():
            predicted, observed = float(probability[inside].mean()), float(came_true[inside].mean())
            bins.append(
                CalibrationBin(low=low, high=low + 0.05, rows=int(inside.sum()), predicted=predicted, observed=observed)
            )
    gaps = [abs(part.predicted - part.observed) for part in bins]
    return CalibrationReport(
        of=of,
        bins=tuple(bins),
        error=sum(gap * part.rows for gap, part in zip(gaps, bins, strict=True)) / len(probability) if bins else None,
        worst=max(gaps, default=None),
    )


def _thresholds(label: NDArray, probability: Floats) -> tuple[ThresholdRow, ...]:
    return tuple(_threshold(float(place), label == 1, probability >= place) for place in np.arange(101) / 100)


def _threshold(threshold: float, positive: NDArray, given: NDArray) -> ThresholdRow:
    true, false = int((positive & given).sum()), int((~positive & given).sum())
    precision = true / (true + false) if true + false else None
    recall = true / int(positive.sum()) if positive.any() else None
    return ThresholdRow(
        threshold=threshold,
        true_positives=true,
        false_positives=false,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision and recall else None,
        false_positive_rate=false / int((~positive).sum()) if (~positive).any() else None,
        accuracy=float((positive == given).mean()) if len(positive) else None,
        predicted=float(given.mean()) if len(positive) else None,
    )


def _area(score, is_class: NDArray, scores: Floats) -> float | None:
    return float(score(is_class, scores)) if 0 < is_class.sum() < len(is_class) else None


def _mean(areas: Sequence[float | None]) -> float | None:
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else None


def subject(report: EvalReport, *, name: str = "house_prices", pictures: Mapping[str, bytes] | None = None) -> Subject:
    """A page's subject about a report, with a made training."""
    losses = [0.5 + 0.5 * 0.7**epoch for epoch in range(12)]
    epochs = tuple(
        EpochRecord(
            epoch=epoch,
            metrics={"loss": loss, "val_loss": loss + 0.02},
            rows=20_000,
            seconds=0.8,
            input_seconds=0.04,
            best=True,
        )
        for epoch, loss in enumerate(losses, 1)
    )
    history = TrainingHistory(epochs=epochs, best_epoch=12, workers=2)
    return Subject(
        report=report,
        card=ModelCard(
            name=name,
            model_id="0123456789abcdef",
            store_id="fedcba9876543210",
            run_id="c0ffee",
            files={"model.keras": "a" * 64, "features.json": "b" * 64},
            weights="c" * 64,
            epochs=12,
            best_epoch=12,
            metrics=epochs[-1].metrics,
            versions={"keras": "3.15.1", "tensorflow": "2.21.0"},
        ),
        manifest=Manifest(
            name=name,
            store_id="fedcba9876543210",
            source="d" * 64,
            config="e" * 64,
            shards=16,
            splits={
                split: SplitEntry(rows=rows, files=())
                for split, rows in {"train": 16_000, "validation": 2_000, "test": report.rows}.items()
            },
            documents={},
            quarantined=7,
            reasons={"SalePrice is null": 7},
        ),
        config="name: house_prices\ndata: {label: SalePrice}\n",
        history=history,
        findings=diagnose(loss_curves(history.values, best=12, planned=12, constant=1.0)),
        audit=LeakAudit(
            method="hash of PropertyID",
            rows={"train": 16_000},
            checks=(
                Check(name="keys", passed=True),
                Check(name="single columns", passed=False, severity="warning", found=1, detail="'Price' tells all."),
            ),
        ),
        pictures=pictures or {},
    )
