"""Names and properties of metrics for people; see the entries of `pipeline/metrics`."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.metrics import metric_info, parts_of


def metric_name(metric: str) -> str:
    """The display name of a metric: `log_loss` is `log loss`, `auc_macro` is `AUC, macro mean`."""
    mean = parts_of(metric)[1]
    title = metric_info(metric).title
    return f"{title}, {mean} mean" if mean else title


def is_share(metric: str) -> bool:
    """Whether a metric is a share, shown as a percentage; areas and F measures are not."""
    return metric_info(metric).is_share


def limits_of(metric: str) -> tuple[float, float]:
    """The smallest and the largest value that a metric can have."""
    return (metric_info(metric).low, metric_info(metric).high)


def is_lower_better(metric: str) -> bool:
    """Whether lower values of a metric are better."""
    return metric_info(metric).lower_is_better


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


Metrics = Mapping[str, float | None]
"""Values by the metric's name; None where a metric is not defined for these rows."""
