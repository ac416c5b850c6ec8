"""Metrics as people call them, and how they are read; see the entries of `pipeline/metrics`."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.metrics import metric_info, parts_of


def metric_name(metric: str) -> str:
    """`log_loss` as `log loss`, `auc_macro` as `AUC, macro mean`."""
    mean = parts_of(metric)[1]
    title = metric_info(metric).title
    return f"{title}, {mean} mean" if mean else title


def is_share(metric: str) -> bool:
    """Whether it is a share of rows or the like, for percentages; areas and F measures are not."""
    return metric_info(metric).is_share


def limits_of(metric: str) -> tuple[float, float]:
    """Between which values it lies."""
    return (metric_info(metric).low, metric_info(metric).high)


def is_lower_better(metric: str) -> bool:
    """Whether less of it is better."""
    return metric_info(metric).lower_is_better


def capital(text: str) -> str:
    """With a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]


Metrics = Mapping[str, float | None]
"""Values by the metric's name; None where a metric is not defined for these rows."""
