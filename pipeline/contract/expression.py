"""Expressions over columns: a small tree that is JSON at rest, executed by Spark and by Keras alike.

A value is a number (float64) or a text; either may be null. Truth is a number: 1, 0, or null for unknown, as in SQL.
A tree can only hold the functions of `FUNCTIONS`, so nothing else that Spark's SQL can do is reachable from a
configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from pipeline.contract.document import Document

ValueType = Literal["number", "text"]


class ColumnNode(Document):
    """A column of the source, or one that was derived before."""

    kind: Literal["column"] = "column"
    name: str
    type: ValueType


class NumberNode(Document):
    """A constant number; None is null."""

    kind: Literal["number"] = "number"
    value: float | None


class TextNode(Document):
    """A constant text; None is null."""

    kind: Literal["text"] = "text"
    value: str | None


class CallNode(Document):
    """A function of `FUNCTIONS`, applied."""

    kind: Literal["call"] = "call"
    function: str
    arguments: tuple[Node, ...]


Node = Annotated[ColumnNode | NumberNode | TextNode | CallNode, Field(discriminator="kind")]
CallNode.model_rebuild()


class DerivedColumn(Document):
    """A column that is computed from others.

    Attributes:
        name: of the new column.
        type: of its values.
        expression: what is computed.
    """

    name: str
    type: ValueType
    expression: Node


def columns_of(node: Node) -> Iterator[ColumnNode]:
    """Every mention of a column, from left to right."""
    match node:
        case ColumnNode():
            yield node
        case CallNode():
            for argument in node.arguments:
                yield from columns_of(argument)
