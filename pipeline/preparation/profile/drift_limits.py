"""Applies the limits of drift, which warn or stop the job."""

from __future__ import annotations

import logging

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
        allowed = dict.fromkeys(
            f"{measure} {limit} at most" for _, exceeded in beyond for measure, (_, limit) in exceeded.items()
        )
        raise DataError(
            f"{len(beyond)} of {len(report.columns)} columns drifted too far. Allowed: {', '.join(allowed)}.\n{table}\n"
            "Correct the data, train on newer rows, or raise the limits in the section drift."
        )
    for column, exceeded in _beyond(report, limits.psi_warn, limits.new_category_warn):
        values = "; ".join(f"{measure} {value}, above {limit}" for measure, (value, limit) in exceeded.items())
        log.warning("Drift of %s, column '%s': %s.", report.data, column.name, values)


def _beyond(
    report: DriftReport, psi: float | None, new: float | None
) -> list[tuple[ColumnDrift, dict[str, tuple[str, str]]]]:
    """Columns beyond a limit, each with the value and the limit of the measures that exceed theirs."""
    columns = []
    for column in report.columns:
        exceeded = {}
        if psi is not None and column.shift > psi:
            exceeded["population stability index"] = f"{column.psi:.3f}", f"{psi:g}"
        if new is not None and column.kind == "text" and (column.new or 0.0) > new:
            exceeded["new categories"] = f"{column.new or 0.0:.2%}", f"{new:.2%}"
        if exceeded:
            columns.append((column, exceeded))
    return columns
