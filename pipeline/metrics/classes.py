"""Metrics of labels with classes.

In training, `auc` counts predictions in 1,000 bins of width 0.001, so it is exact except for rows of both classes in
one bin. For several classes, `auc`, `precision`, `recall` and `f1` are means over the classes.
"""

from __future__ import annotations

from typing import Any

from pipeline.metrics import Metric

AUC_BINS = 1000
EXACT = "float64"


def _accuracy(outputs: int) -> Any:
    import keras

    kind = keras.metrics.BinaryAccuracy if outputs == 1 else keras.metrics.CategoricalAccuracy
    return kind(name="accuracy", dtype=EXACT)


def _auc(outputs: int) -> Any:
    import keras

    several = {} if outputs == 1 else {"multi_label": True, "num_labels": outputs}
    return keras.metrics.AUC(num_thresholds=AUC_BINS + 1, name="auc", dtype=EXACT, **several)


def _precision(outputs: int) -> Any:
    if outputs == 1:
        import keras

        return keras.metrics.Precision(name="precision", dtype=EXACT)
    from pipeline.metrics.training.macro import MacroPrecision

    return MacroPrecision(average="macro", name="precision", dtype=EXACT)


def _recall(outputs: int) -> Any:
    if outputs == 1:
        import keras

        return keras.metrics.Recall(name="recall", dtype=EXACT)
    from pipeline.metrics.training.macro import MacroRecall

    return MacroRecall(average="macro", name="recall", dtype=EXACT)


def _f1(outputs: int) -> Any:
    import keras

    how: dict[str, Any] = {"average": "micro", "threshold": 0.5} if outputs == 1 else {"average": "macro"}
    return keras.metrics.F1Score(name="f1", dtype=EXACT, **how)


def _share(name: str, **more: Any) -> Metric:
    return Metric(name, low=0.0, high=1.0, is_share=True, fits_classes=True, **more)


ACCURACY = _share("accuracy", of_classes=_accuracy)
AUC = Metric("auc", "AUC", low=0.0, high=1.0, fits_classes=True, of_classes=_auc)
PRECISION = _share("precision", of_classes=_precision)
RECALL = _share("recall", of_classes=_recall)
F1 = Metric("f1", "F1", low=0.0, high=1.0, fits_classes=True, of_classes=_f1)
F2 = Metric("f2", "F2", low=0.0, high=1.0, fits_classes=True)
F_HALF = Metric("f0.5", "F0.5", low=0.0, high=1.0, fits_classes=True)
AVERAGE_PRECISION = Metric("average_precision", low=0.0, high=1.0, fits_classes=True)
LOG_LOSS = Metric("log_loss", lower_is_better=True, low=0.0, fits_classes=True)
BRIER = Metric("brier", "Brier score", lower_is_better=True, low=0.0, fits_classes=True)
ERROR_RATE = _share("error_rate", lower_is_better=True)
NULL_ERROR_RATE = _share("null_error_rate")
BALANCED_ACCURACY = _share("balanced_accuracy")
CALIBRATION_ERROR = _share("calibration_error", lower_is_better=True)
SPECIFICITY = _share("specificity")
FALSE_POSITIVE_RATE = _share("false_positive_rate", lower_is_better=True)
PREVALENCE = _share("prevalence")
