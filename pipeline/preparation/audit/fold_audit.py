"""The leak audit of folds whose rows have just been written, before they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.config.split import Method
from pipeline.preparation.audit.leak_audit import Audit, Parts, audit_of
from pipeline.preparation.planning.open_dataset import Opened
from pipeline.preparation.rows.fold_placement import FoldPlan
from pipeline.preparation.rows.fold_roles import Division
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.schemas.audit import Check


def audit_of_division(opened: Opened, plan: FoldPlan, division: Division, *, total: int, level: str) -> Audit:
    """What looks for keys, groups, times and rows that the groups of a division share.

    No group may share them: each is trained on as a whole, measured on, or what a training ends by.

    Args:
        opened: the source, its rows with their groups.
        plan: how they are divided.
        division: into groups.
        total: rows of all of them.
        level: `full` or `quick`, see `leak_audit`.
    """
    parts = Parts(
        column=division.column,
        names=tuple(f"period {group // 2 + 1}" for group in range(division.used[-1] + 1)),
        noun="part",
    )
    return audit_of(_decided(plan, opened.table.split), total, level, parts)


def checks_of_division(audit: Audit, things: Sequence[pa.Table], plan: FoldPlan, number: int) -> tuple[Check, ...]:
    """What was found between the groups of a division."""
    checks = audit.checks(things)
    return checks if plan.divisions == 1 else tuple(_named(check, f"division {number + 1}") for check in checks)


def periods(plan: FoldPlan) -> Mapping[str, str]:
    """When those of folds by time begin, as people write it."""
    return (
        {}
        if plan.time is None
        else {f"period {place + 2}": plan.time.text(border) for place, border in enumerate(plan.borders)}
    )


def _named(check: Check, division: str) -> Check:
    return check.model_copy(update={"name": f"{division}: {check.name}", "detail": f"{division}: {check.detail}"})


def _decided(plan: FoldPlan, split: ResolvedSplit) -> ResolvedSplit:
    """What decides on the parts, in the words of a split."""
    method: Method = "time" if plan.time else "group" if plan.groups else "hash"
    return ResolvedSplit(method, key=split.key, groups=plan.groups, time=plan.time)
