"""Applies the limits of drift, which warn or stop the job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.config.drift import DriftConfig
from pipeline.errors import DataError
from pipeline.formatting import listed
from pipeline.schemas.drift import ColumnDrift, DriftReport

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Limit:
    """A limit for each column.

    Attributes:
        text: the most that is allowed.
        exceeded: whether a column is beyond it.
        shown: the value of a column that is.
    """

    text: str
    exceeded: Callable[[ColumnDrift], bool]
    shown: Callable[[ColumnDrift], str]


def enforce(report: DriftReport, limits: DriftConfig) -> None:
    """Log a warning for each warning limit that columns are beyond; it names the first of them.

    Raises:
        DataError: a column is beyond a limit that stops the job; the message has the table of these columns.
    """
    stopping = [*_limits(limits.psi_stop, limits.new_category_stop)]
    exceeded = [limit for limit in stopping if any(map(limit.exceeded, report.columns))]
    if exceeded:
        columns = tuple(column for column in report.columns if any(limit.exceeded(column) for limit in exceeded))
        raise DataError(
            f"{len(columns)} of {len(report.columns)} columns drifted too far. "
            f"Allowed: {', '.join(f'{limit.text} at most' for limit in exceeded)}.\n"
            f"{report.model_copy(update={'columns': columns}).to_text()}\n"
            "Correct the data, train on newer rows, or raise the limits in the section drift."
        )
    for limit in _limits(limits.psi_warn, limits.new_category_warn):
        beyond = [f"'{column.name}' {limit.shown(column)}" for column in report.columns if limit.exceeded(column)]
        if beyond:
            log.warning("Drift of %s: more than %s in %s", report.data, limit.text, listed(beyond))


def _limits(psi: float | None, new: float | None) -> Iterator[_Limit]:
    if psi is not None:
        yield _Limit(
            f"a population stability index of {psi:g}",
            lambda column: column.shift > psi,
            lambda column: f"({column.psi:.3f})",
        )
    if new is not None:
        yield _Limit(
            f"{new:.2%} new categories",
            lambda column: column.kind == "text" and (column.new or 0.0) > new,
            lambda column: f"({column.new or 0.0:.2%})",
        )
