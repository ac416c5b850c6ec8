"""The leak audit of folds whose rows have just been written, before they are published."""

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
    """What looks for keys, groups, times and rows that the groups of an assignment share.

    No group may share them: each is trained on as a whole, measured on, or what a training ends by.

    Args:
        opened: the source, its rows with their groups.
        plan: how they are divided.
        assignment: into groups.
        total: rows of all of them.
        level: `full` or `quick`, see `leak_audit`.
    """
    parts = Parts(
        column=assignment.column,
        names=tuple(f"period {group // 2 + 1}" for group in range(assignment.used[-1] + 1)),
        noun="part",
    )
    return audit_of(_decided(plan, opened.table.split), total, level, parts)


def checks_of_assignment(audit: Audit, units: Sequence[pa.Table], plan: FoldPlan, number: int) -> tuple[Check, ...]:
    """What was found between the groups of an assignment."""
    checks = audit.checks(units)
    return checks if plan.assignments == 1 else tuple(_named(check, f"division {number + 1}") for check in checks)


def periods(plan: FoldPlan) -> Mapping[str, str]:
    """When those of folds by time begin, as people write it."""
    return (
        {}
        if plan.time is None
        else {f"period {index + 2}": plan.time.text(border) for index, border in enumerate(plan.borders)}
    )


def _named(check: Check, assignment: str) -> Check:
    return check.model_copy(update={"name": f"{assignment}: {check.name}", "detail": f"{assignment}: {check.detail}"})


def _decided(plan: FoldPlan, split: ResolvedSplit) -> ResolvedSplit:
    """What decides on the parts, in the words of a split."""
    method: Method = "time" if plan.time else "group" if plan.groups else "hash"
    return ResolvedSplit(method, key=split.key, groups=plan.groups, time=plan.time)
