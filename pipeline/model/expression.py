"""Expressions in the exported model, as Spark computes them when a store is written.

A number is float64 [b, 1] with NaN for null; a text is string [b, 1] with `NULL_TOKEN` for null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import keras
import tensorflow as tf

from pipeline.kinds.layer import PACKAGE
from pipeline.model.expression_functions import (
    NULL,
    OF_CONSTANTS,
    OF_NULLS,
    STRICT,
    Tensor,
    finite,
    is_null,
    null_where,
)
from pipeline.schemas.expression import CallNode, ColumnNode, DerivedColumn, Node, NumberNode, TextNode
from pipeline.schemas.tokens import NULL_TOKEN


@keras.saving.register_keras_serializable(PACKAGE)
class Derive(keras.layers.Layer):  # type: ignore[misc]
    """Adds derived columns to a dict of raw columns, [b, 1] each; new ones come last."""

    def __init__(self, columns: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        """`columns` are `DerivedColumn`s as JSON, each of which may use raw columns and those before it."""
        # By default, Keras would round inputs to float32 first.
        super().__init__(autocast=False, **kwargs)
        self.columns = tuple(DerivedColumn.model_validate(column) for column in columns)

    def call(self, raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The values of all columns, including raw ones."""
        # Keras does not allow a layer to return its inputs as they are.
        tensors = {name: tf.identity(tensor) for name, tensor in raw.items()}
        for column in self.columns:
            tensors[column.name] = evaluate(column.expression, tensors)
        return tensors

    def compute_output_spec(self, raw: Mapping[str, keras.KerasTensor]) -> dict[str, keras.KerasTensor]:
        """Shapes and types of the outputs, which have as many rows as the inputs."""
        rows = next(iter(raw.values())).shape[0]
        kinds = {name: tensor.dtype for name, tensor in raw.items()}
        kinds |= {column.name: "float64" if column.type == "number" else "string" for column in self.columns}
        return {name: keras.KerasTensor((rows, 1), dtype=kind) for name, kind in kinds.items()}

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return {**super().get_config(), "columns": [column.model_dump(mode="json") for column in self.columns]}


def evaluate(node: Node, tensors: Mapping[str, Tensor]) -> Tensor:
    """The value of an expression in every row.

    Args:
        node: the expression.
        tensors: float64 or string, [b, 1], by the names of columns; infinities count as null.
    """
    match node:
        case ColumnNode(name=name, type="number"):
            return finite(tf.cast(tensors[name], tf.float64))
        case ColumnNode(name=name):
            return tensors[name]
        case NumberNode(value=number):
            return _constant(NULL if number is None else number, tf.float64, tensors)
        case TextNode(value=text):
            return _constant(NULL_TOKEN if text is None else text, tf.string, tensors)
        case CallNode(function=function, arguments=arguments):
            return _called(function, arguments, [evaluate(argument, tensors) for argument in arguments])


def _called(function: str, arguments: Sequence[Node], values: Sequence[Tensor]) -> Tensor:
    """Apply a function to `values`, the values of `arguments`."""
    if function in OF_CONSTANTS:
        constants = [argument.value for argument in arguments[1:] if isinstance(argument, (NumberNode, TextNode))]
        return null_where(is_null(values[0]), OF_CONSTANTS[function](values[0], *constants))
    if function in OF_NULLS:
        return OF_NULLS[function](*values)
    return null_where(reduce(tf.logical_or, map(is_null, values)), STRICT[function](*values))


def _constant(value: Any, kind: tf.DType, tensors: Mapping[str, Tensor]) -> Tensor:
    return tf.fill(tf.shape(next(iter(tensors.values()))), tf.constant(value, kind))
