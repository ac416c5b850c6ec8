"""Applies the limits of drift, which warn or stop the job."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from pipeline.config.drift import DriftConfig
from pipeline.errors import DataError
from pipeline.schemas.drift import ColumnDrift, DriftReport

log = logging.getLogger(__name__)


def enforce(report: DriftReport, limits: DriftConfig) -> None:
    """Log a warning for each column beyond a warning limit.

    Raises:
        DataError: a column is beyond a limit that stops the job; the message has the table of these columns.
    """
    beyond = _beyond(report, limits.psi_stop, limits.new_category_stop)
    if beyond:
        table = report.model_copy(update={"columns": tuple(column for column, _ in beyond)}).to_text()
        allowed = ", ".join(dict.fromkeys(f"{limit} at most" for _, exceeded in beyond for limit in exceeded.values()))
        raise DataError(
            f"{len(beyond)} of {len(report.columns)} columns drifted too far. Allowed: {allowed}.\n{table}\n"
            "Correct the data, train on newer rows, or raise the limits in the section drift."
        )
    for column, exceeded in _beyond(report, limits.psi_warn, limits.new_category_warn):
        log.warning(
            "Drift of %s, column '%s': %s.", report.data, column.name, "; ".join(_exceeded_texts(column, exceeded))
        )


def _beyond(report: DriftReport, psi: float | None, new: float | None) -> list[tuple[ColumnDrift, dict[str, str]]]:
    """Columns beyond a limit, each with the limits that it exceeds."""
    columns = []
    for column in report.columns:
        exceeded = {}
        if psi is not None and column.shift > psi:
            exceeded["psi"] = f"population stability index {psi:g}"
        if new is not None and column.kind == "text" and (column.new or 0.0) > new:
            exceeded["new"] = f"new categories {new:.2%}"
        if exceeded:
            columns.append((column, exceeded))
    return columns


def _exceeded_texts(column: ColumnDrift, exceeded: Mapping[str, str]) -> Iterator[str]:
    received = {"psi": f"{column.psi:.3f}", "new": f"{column.new or 0.0:.2%}"}
    for name, limit in exceeded.items():
        what, _, bound = limit.rpartition(" ")
        yield f"{what} {received[name]}, above {bound}"
