"""The columns of a source with several files: those that all files have, or all that any of them has.

Writers that append to a folder change its columns: a column is added or gone, or pandas writes integers as doubles
where one of them is missing. Readers that go by one file would then ignore columns, or fill them with nulls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from pipeline.errors import DataError
from pipeline.formatting import listed

Kinds = Mapping[str, pa.DataType | str]
"""The type of each column of a file: Arrow's, or what Spark calls it."""


@dataclass
class CommonColumns:
    """Collects the columns of files, one after the other.

    Attributes:
        merged: whether files may have different columns, and numbers of different types.
        kinds: the types by name; `null` for a column without any value so far.
        first_files: the file that each type is of.
        name: of the first file.
    """

    merged: bool
    kinds: dict[str, pa.DataType | str] = field(default_factory=dict)
    first_files: dict[str, str] = field(default_factory=dict)
    name: str = ""

    @classmethod
    def of(cls, files: Iterable[tuple[str, Kinds]], *, merged: bool) -> CommonColumns:
        """The columns of some files, given by their names and types.

        Raises:
            DataError: naming the differences between two files.
        """
        columns = cls(merged)
        for name, kinds in files:
            columns.add(name, kinds)
        return columns

    def add(self, name: str, kinds: Kinds) -> None:
        """Add a file.

        Raises:
            DataError: naming how it differs from the ones before.
        """
        differences = list(self._differences(name, kinds)) if self.name else []
        if differences:
            raise DataError(
                f"File '{name}' has other columns than '{self.name}'. Different: {listed(differences)}. "
                f"{self._remedy()}"
            )
        self.name = self.name or name
        for column, kind in kinds.items():
            known = self.kinds.get(column)
            if known is None or (_is_null(known) and not _is_null(kind)):
                self.kinds[column], self.first_files[column] = kind, name
            elif known != kind and not _is_null(kind):
                self.kinds[column] = wider(known, kind) or known

    @property
    def arrow_kinds(self) -> dict[str, pa.DataType]:
        """The types of Arrow by name."""
        return {name: kind for name, kind in self.kinds.items() if isinstance(kind, pa.DataType)}

    def _differences(self, name: str, kinds: Kinds) -> Iterator[str]:
        for column in dict.fromkeys((*self.kinds, *kinds)):
            known, kind = self.kinds.get(column), kinds.get(column)
            if known is None or kind is None:
                if not self.merged:
                    first = self.first_files[column] if kind is None else name
                    yield f"{column} {kind if known is None else known} (only in '{first}')"
            elif not self._fit(known, kind):
                yield f"{column} {known} in '{self.first_files[column]}', {kind} in '{name}'"

    def _fit(self, known: pa.DataType | str, kind: pa.DataType | str) -> bool:
        if known == kind or _is_null(known) or _is_null(kind):
            return True
        return self.merged and wider(known, kind) is not None

    def _remedy(self) -> str:
        if self.merged:
            return "data.source.merge_schema: true joins numbers of different types, and no others. Rewrite one file."
        return (
            "Write the same columns in all files, give only some as data.source.path, or set "
            "data.source.merge_schema: true: a column that a file lacks is then null in its rows, and numbers of "
            "different types have the wider one."
        )


def _is_null(kind: pa.DataType | str) -> bool:
    """Whether a type only says that there is no value, as pandas writes it and as Spark calls it."""
    return str(kind) in ("null", "void")


def wider(first: pa.DataType | str, second: pa.DataType | str) -> pa.DataType | None:
    """The type that holds the values of both; None where there is none.

    Integers beyond 2^53 do not fit in doubles; a file with such a one is refused when it is read.
    """
    if isinstance(first, str) or isinstance(second, str):
        return None
    kinds = (first, second)
    if all(map(pa.types.is_signed_integer, kinds)):
        return max(kinds, key=lambda kind: kind.bit_width)
    if all(pa.types.is_signed_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    if all(pa.types.is_date(kind) or pa.types.is_timestamp(kind) for kind in kinds):
        zones = {kind.tz for kind in kinds if pa.types.is_timestamp(kind)}
        return pa.timestamp("us") if zones == {None} else None
    return None
