"""The checks of the leak audit, from counts of units."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

from pipeline.formatting import counted
from pipeline.preparation.audit.audit_counts import GROUP, KEY, ROW, TIME, CountsByKind
from pipeline.preparation.audit.parts import Parts
from pipeline.preparation.rows.split import ResolvedSplit
from pipeline.preparation.rows.timestamps import TimeColumn
from pipeline.schemas.audit import Check

_NAMES = {
    KEY: "key in one {} only",
    GROUP: "group in one {} only",
    ROW: "no equal rows in several {}s",
    TIME: "{}s in the order of time",
}


def shared_check(kind: str, every: int, counts: CountsByKind, split: ResolvedSplit, noun: str) -> Check:
    """No unit of a kind is in several parts.

    Args:
        kind: of the units.
        every: one unit in so many was counted.
        counts: of all kinds.
        split: what decided the parts.
        noun: what people call a part.
    """
    kind_counts = counts.get((kind, None), {"units": 0, "shared": 0, "rows": 0})
    subject = _unit_noun(kind, split)
    if not kind_counts["shared"]:
        none = f"none of {kind_counts['units']:,} {subject}" if every == 1 else "none"
        detail = f"{none} is in more than one {noun}"
    else:
        affected = counted(kind_counts["rows"], "row")
        some = f"{kind_counts['shared']:,} of {kind_counts['units']:,} {subject}"
        detail = f"{some} are in more than one {noun}, in {affected}; {_advice(kind, split)}"
    if every > 1:
        detail = f"checked a sample of one in {every} {subject} ({kind_counts['units']:,}): {detail}"
    tolerated = kind == ROW or split.method == "time"
    severity: Literal["error", "warning"] = "warning" if tolerated else "error"
    name = _NAMES[kind].format(noun)
    return Check(
        name=name, passed=not kind_counts["shared"], severity=severity, found=kind_counts["shared"], detail=detail
    )


def _unit_noun(kind: str, split: ResolvedSplit) -> str:
    if kind == GROUP:
        return f"groups of {', '.join(map(repr, split.groups))}"
    if kind == KEY and split.key:
        return f"keys of {', '.join(map(repr, split.key))}"
    return "different rows (features and label)"


def _advice(kind: str, split: ResolvedSplit) -> str:
    if kind == ROW:
        return "remove repeated rows, or set a data.key that they share; otherwise the metrics will be too optimistic"
    if split.method == "time":
        return f"if a {kind} says much about its label, the metrics are too optimistic for new ones"
    if split.column:
        return f"correct column '{split.column}' (split.column), or data.{kind}"
    return "name as data.group what must stay together"


def time_check(counts: CountsByKind, time: TimeColumn, parts: Parts) -> Check:
    """The parts follow one another in time."""
    periods: dict[str, list[Mapping[str, Any]]] = {}
    for part, name in enumerate(parts.names):
        if (TIME, part) in counts:
            periods.setdefault(name, []).append(counts[TIME, part])
    wrong: list[str] = []
    right: list[str] = []
    for (name, earlier), (following, later) in pairwise(periods.items()):
        last = max(part["last"] for part in earlier if part["last"] is not None)
        first = min(part["first"] for part in later if part["first"] is not None)
        answers = right if last < first else wrong
        answers.append(f"{name} ends at {time.text(last)}, {following} begins at {time.text(first)}")
    name = _NAMES[TIME].format(parts.noun)
    return Check(name=name, passed=not wrong, found=len(wrong), detail="; ".join(wrong or right))
