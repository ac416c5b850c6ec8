"""The columns of a source: every one that is named is there once, of a type that its role can use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.arrays.cells import is_usable
from pipeline.errors import DataError, Problem, gather, nearest
from pipeline.kinds.state import RawColumn
from pipeline.preparation.reading.raw import RawColumns


def check_names(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Every wanted column is there exactly once, and can be told from the other ones.

    Raises:
        DataError: naming each that is not.
    """
    problems = [problem for name in wanted if (problem := _name_problem(name, names))]
    for alike in clashing(wanted):
        shown = " and ".join(f"'{name}'" for name in alike)
        problems.append(Problem(f"Columns {shown} differ by case only", remedy="Rename one; Parquet needs it"))
    if problems:
        raise DataError(gather("The source does not have the columns that the configuration names", problems))


def clashing(names: Iterable[str]) -> list[list[str]]:
    """Names that are equal, or differ by case only, which Parquet's readers do not tell apart; together."""
    by_folded: dict[str, list[str]] = {}
    for name in names:
        by_folded.setdefault(name.lower(), []).append(name)
    return [alike for alike in by_folded.values() if len(alike) > 1]


def _name_problem(name: str, names: Sequence[str]) -> Problem | None:
    count = Counter(names)[name]
    if count > 1:
        return Problem(f"Column '{name}' is in the source {count} times", "once", remedy="Rename the others")
    if count == 1:
        return None
    other_case = [known for known in names if known.lower() == name.lower()]
    if other_case:
        remedy = f"Names are compared with their case: write '{other_case[0]}'"
        return Problem(f"Column '{name}' is not in the source", remedy=remedy)
    return Problem(f"Column '{name}' is not in the source", remedy=nearest(name, names))


def check_types(raw: RawColumns, typed: Iterable[RawColumn]) -> None:
    """Every column has a type that its role can use.

    Raises:
        DataError: naming each that has not.
    """
    numeric = {column.name for column in typed if column.type == "number"}
    problems = []
    for name in raw.names:
        kind = raw.kinds[name]
        if not is_usable(kind, numeric=name in numeric):
            allowed = "a number, true/false, or text that holds numbers" if name in numeric else "a plain value"
            remedy = "Convert it, or leave it out"
            problems.append(Problem(f"Column '{name}' has no usable type", allowed, str(kind), remedy))
    if problems:
        raise DataError(gather("Some columns have a type that cannot be used", problems))
