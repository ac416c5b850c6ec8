"""Texts that features read as dates. Without this check, a text that is no date would silently be a missing value.

An expression that handles null itself, by `coalesce`, `is_null`, `if` and the like, is left alone: only a text that
leaves a derived column without a value makes a bad row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.expressions import evaluate
from pipeline.arrays.masks import Mask, mask_of, missing_of
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn, Node, TextNode

LAYOUTS = (
    "2024-03-01, 20240301, 2024-03-01 12:30:00 or 2024-03-01T12:30:00.5, a time optionally followed by Z or +02:00"
)

_TAKES_NULL = frozenset({"and", "or", "if", "coalesce", "is_null", "same", "least", "greatest"})
"""Functions that may return a value where an argument is null."""


@dataclass(frozen=True)
class DateText:
    """A text that derived columns read as a date.

    Attributes:
        node: a column, or the expression of the text.
        user: the derived column, which is null where the text is not a date.
    """

    node: Node
    user: str

    @property
    def column(self) -> str | None:
        """The column of the text; None where an expression computes it."""
        return None if self._source is None else self._source.name

    @property
    def layouts(self) -> str:
        """The layouts that are read, in words."""
        own = self.node.arguments[1] if isinstance(self.node, CallNode) and self.node.function == "iso_date" else None
        return f"{own.value}, or {LAYOUTS}" if isinstance(own, TextNode) else LAYOUTS

    @property
    def _source(self) -> ColumnNode | None:
        if isinstance(self.node, CallNode) and self.node.function == "iso_date":
            return self.node.arguments[0] if isinstance(self.node.arguments[0], ColumnNode) else None
        return self.node if isinstance(self.node, ColumnNode) else None

    def values(self, columns: Mapping[str, pa.Array], count: int) -> pa.Array:
        """The texts of n rows as they are in the source, string [n], from raw and derived columns by name."""
        return evaluate(self._source or self.node, columns, count)

    def unreadable(self, columns: Mapping[str, pa.Array], good: Mask) -> Mask:
        """[n]: whether a good row has a non-blank text that is not a date."""
        bad = good & missing_of(columns[self.user])
        if bad.any():
            text = evaluate(self.node, columns, len(good)).filter(pa.array(bad))
            days = evaluate(CallNode(function="to_days", arguments=(_TEXT,)), {_TEXT.name: text}, len(text))
            is_there = mask_of(pc.greater(pc.binary_length(pc.ascii_trim(text, " ")), 0))
            bad[np.flatnonzero(bad)] = is_there & missing_of(days)
        return bad


_TEXT = ColumnNode(name="text", type="text")


def find_date_texts(derived: Sequence[DerivedColumn]) -> list[DateText]:
    """The distinct texts that derived columns read as dates."""
    date_texts: dict[str, DateText] = {}
    for column in derived:
        for node in _texts(column.expression):
            date_texts.setdefault(node.model_dump_json(), DateText(node, column.name))
    return list(date_texts.values())


def _texts(node: Node) -> Iterator[Node]:
    """Texts whose null makes an expression null; constants were checked when the expression was parsed."""
    match node:
        case CallNode(function="to_days", arguments=(text,)):
            if not isinstance(text, TextNode):
                yield text
            yield from _texts(text)
        case CallNode(function=function, arguments=arguments) if function not in _TAKES_NULL:
            for argument in arguments:
                yield from _texts(argument)
