"""The contract of a source: what its columns hold, and what a row must keep to.

A person edits it as YAML (`store/table.py`). Enforced are the type, `nullable`, `min`, `max` and `allowed`; `unit` and
`description` are for people, and `seen` is what the rows held that the contract was inferred from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from pipeline.schemas.document import Document, fingerprint
from pipeline.schemas.text_reading import TextReading

ColumnType = Literal["number", "integer", "boolean", "text", "date", "timestamp"]

NUMBERS: frozenset[ColumnType] = frozenset({"number", "integer"})
DATES: frozenset[ColumnType] = frozenset({"date", "timestamp"})


def _timestamp_text(value: Any) -> Any:
    """YAML reads `2024-03-01` as a date."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


def _finite(value: Any) -> Any:
    if isinstance(value, float) and value * 0.0 != 0.0:
        raise ValueError("a finite number is needed")
    return value


Bound = Annotated[StrictInt | StrictFloat | StrictStr, BeforeValidator(_timestamp_text), AfterValidator(_finite)]
Value = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr, AfterValidator(_finite)]


class Seen(Document):
    """What a column held when the contract was inferred; nothing of it is enforced.

    Attributes:
        nulls: rows without a value.
        min: the smallest number.
        max: the largest number.
        distinct: how many values training rows had.
        values: these, most frequent first, where they are few.
    """

    nulls: int | None = None
    min: int | float | None = None
    max: int | float | None = None
    distinct: int | None = None
    values: tuple[str, ...] = ()


class ColumnTerms(Document):
    """The terms of one column.

    Attributes:
        type: of its values; a number may be given as an integer, and true and false as 1 and 0.
        nullable: whether values may be missing.
        min: the smallest allowed, a number or a date (`2024-03-01`, `2024-03-01 12:30:00`), by the type.
        max: the largest allowed, alike.
        allowed: the only allowed values; None for any.
        unit: in free text.
        description: in free text.
        seen: in the rows that the terms were inferred from.
        reading: how texts are read; None for the plain way.
    """

    type: ColumnType
    nullable: StrictBool = True
    min: Bound | None = None
    max: Bound | None = None
    allowed: Annotated[tuple[Value, ...], Field(min_length=1)] | None = None
    unit: str = ""
    description: str = ""
    seen: Seen | None = None
    reading: TextReading | None = None

    @model_validator(mode="after")
    def _fits_type(self) -> ColumnTerms:
        for name in ("min", "max"):
            bound = getattr(self, name)
            if bound is not None and not _is_bound(bound, self.type):
                raise ValueError(f"{name} of a column of type {self.type} is {_bound_of(self.type)}, not {bound!r}")
        if self.min is not None and self.max is not None and self.min > self.max:  # type: ignore[operator]
            raise ValueError(f"min is {self.min}, which is more than max, {self.max}")
        unfit = [value for value in self.allowed or () if not _is_value(value, self.type)]
        if unfit:
            hint = ", in quotes" if self.type == "text" else ""
            raise ValueError(
                f"allowed of a column of type {self.type} holds {_values_of(self.type)}{hint}: {unfit[0]!r}"
            )
        return self


class Origin(Document):
    """Where inferred terms come from.

    Attributes:
        store: id of the store that was prepared then.
        terms: fingerprint of the terms as they were inferred.
    """

    store: str
    terms: str


class SourceContract(Document):
    """The contract.

    Attributes:
        columns: the terms of each column, by name.
        inferred: None where a person wrote it.
    """

    columns: Annotated[Mapping[str, ColumnTerms], Field(min_length=1)]
    inferred: Origin | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that is enforced, whatever the order of the columns."""
        enforced = {"type", "nullable", "min", "max", "allowed"}
        return fingerprint(
            {
                # A key that was added later is left out where it says nothing, or older fingerprints would change.
                name: terms.model_dump(include=enforced if terms.reading is None else enforced | {"reading"})
                for name, terms in self.columns.items()
            }
        )

    def inferred_with(self, store_id: str) -> SourceContract:
        """The same, marked as inferred when this store was prepared."""
        return self.model_copy(update={"inferred": Origin(store=store_id, terms=self.fingerprint)})

    def is_inferred_with(self, store_id: str) -> bool:
        """Whether it was inferred when this store was prepared, and is enforced as it was inferred."""
        return self.inferred == Origin(store=store_id, terms=self.fingerprint)


@dataclass(frozen=True)
class KeptContract:
    """A contract, and the file that keeps it, for messages."""

    table: SourceContract
    location: str


def _is_bound(bound: Any, kind: ColumnType) -> bool:
    if kind in NUMBERS:
        return not isinstance(bound, str)
    return kind in DATES and isinstance(bound, str) and _is_timestamp(bound)


def _is_timestamp(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _bound_of(kind: ColumnType) -> str:
    if kind in NUMBERS:
        return "a number"
    return "a date, such as 2024-03-01" if kind in DATES else "not possible"


def _is_value(value: Any, kind: ColumnType) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    return kind in NUMBERS and not isinstance(value, (bool, str))


def _values_of(kind: ColumnType) -> str:
    if kind in DATES:
        return "nothing (give min and max)"
    return {"text": "texts", "boolean": "true and false"}.get(kind, "numbers")
