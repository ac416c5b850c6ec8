"""Resolves the entries of `columns`, which are names, patterns and types, to the columns of a source."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from pipeline.config.features import TYPE_PREFIX, FeaturesConfig, is_choice
from pipeline.errors import Problem
from pipeline.kinds.date.config import DateConfig
from pipeline.kinds.date.parts import dates_of
from pipeline.schemas.expression import DerivedColumn
from pipeline.schemas.source_contract import ColumnType

Types = Mapping[str, ColumnType]
"""The type of each column of a source, by name."""

TYPES: tuple[ColumnType, ...] = ("number", "integer", "boolean", "text", "date", "timestamp")
NUMBERS, DATES = frozenset({"number", "integer", "boolean"}), frozenset({"date", "timestamp"})


class ColumnChooser:
    """Resolves entries of `columns`; collects what is wrong with them in `problems`."""

    def __init__(self, features: FeaturesConfig, names: Sequence[str], types: Types, reserved: Collection[str]) -> None:
        """Choose among the columns `names`; no pattern or type selects one that is reserved or named elsewhere."""
        groups = features.groups
        entries = [column for group in groups for column in group.columns]
        self._names = frozenset(names)
        named = {entry for entry in entries if self._is_name(entry)}
        self._free = [name for name in names if name not in reserved and name not in named]
        self._types = types
        self._taken: set[str] = set()
        self.problems: list[Problem] = []

    def columns(self, entries: Sequence[str]) -> tuple[str, ...]:
        """The columns of one group; a pattern or type selects each column only once."""
        chosen = [name for entry in entries for name in self._chosen(entry)]
        self._taken |= set(chosen)
        return tuple(dict.fromkeys(chosen))

    def dates(self, group: DateConfig) -> tuple[DerivedColumn, ...]:
        """The derived columns of one group of dates."""
        columns = self.columns(group.columns)
        try:
            return dates_of(group, columns)
        except ValueError as error:
            self.problems.append(Problem(f"features.dates.since: {error}"))
            return ()

    def _is_name(self, entry: str) -> bool:
        """Whether an entry is a name; `a*` is one where a column has that name."""
        return entry in self._names or not is_choice(entry)

    def _chosen(self, entry: str) -> list[str]:
        if self._is_name(entry):
            return [entry]
        free = [name for name in self._free if name not in self._taken]
        if entry.startswith(TYPE_PREFIX):
            chosen = self._of_type(entry, free)
        else:
            chosen = [name for name in free if fnmatchcase(name, entry)]
        if not chosen:
            remedy = "Correct it, or leave it out; columns named elsewhere and those with another role do not count"
            self.problems.append(Problem(f"'{entry}' in features matches no column", remedy=remedy))
        return chosen

    def _of_type(self, entry: str, free: Sequence[str]) -> list[str]:
        kind = entry.removeprefix(TYPE_PREFIX)
        if kind not in TYPES:
            self.problems.append(Problem(f"'{entry}' in features names no type", ", ".join(TYPES), kind))
            return list(free)
        fitting = NUMBERS if kind == "number" else {kind}
        return [name for name in free if self._types.get(name) in fitting]
