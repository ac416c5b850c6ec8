"""The leak audit of folds, after their rows are written and before they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.config.split import Method
from pipeline.preparation.audit.leak_audit import Audit, audit_of
from pipeline.preparation.audit.parts import Parts
from pipeline.preparation.planning.open_dataset import OpenedDataset
from pipeline.preparation.rows.fold_placement import FoldPlan
from pipeline.preparation.rows.fold_roles import FoldAssignment
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.schemas.audit import Check


def audit_of_assignment(
    opened: OpenedDataset, plan: FoldPlan, assignment: FoldAssignment, *, total: int, level: str
) -> Audit:
    """The audit for keys, groups, times and rows that groups of an assignment share.

    No two groups may share any: each group as a whole is trained on, validated on or evaluated on.

    Args:
        opened: the source, whose rows have groups.
        plan: how rows are divided.
        assignment: the groups.
        total: number of rows of all groups.
        level: `full` or `quick`, see `leak_audit`.
    """
    parts = Parts(
        column=assignment.column,
        names=tuple(f"period {group // 2 + 1}" for group in range(assignment.used[-1] + 1)),
        noun="part",
    )
    return audit_of(_decided(plan, opened.table.split), total, level, parts)


def checks_of_assignment(audit: Audit, units: Sequence[pa.Table], plan: FoldPlan, number: int) -> tuple[Check, ...]:
    """The checks of an assignment's groups."""
    checks, name = audit.checks(units), f"division {number + 1}"
    if plan.assignments == 1:
        return checks
    return tuple(
        check.model_copy(update={"name": f"{name}: {check.name}", "detail": f"{name}: {check.detail}"})
        for check in checks
    )


def periods(plan: FoldPlan) -> Mapping[str, str]:
    """When the periods of folds by time begin, in readable form."""
    return (
        {}
        if plan.time is None
        else {f"period {index + 2}": plan.time.text(border) for index, border in enumerate(plan.borders)}
    )


def _decided(plan: FoldPlan, split: ResolvedSplit) -> ResolvedSplit:
    """How parts are divided, expressed as a split."""
    method: Method = "time" if plan.time else "group" if plan.groups else "hash"
    return ResolvedSplit(method, key=split.key, groups=plan.groups, time=plan.time)
