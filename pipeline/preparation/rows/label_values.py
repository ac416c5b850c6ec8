"""The label of a row: in its own unit or as a class id, and as the network is trained on it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import number_text
from pipeline.arrays.values import Stored, Values, numbers_of
from pipeline.kinds.scaled.transform import NumericTransform
from pipeline.kinds.text.arrays import indices_in
from pipeline.preparation.rows.class_spellings import are_numbers
from pipeline.preparation.rows.typed_rows import TypedRows
from pipeline.schemas.label import LabelSpec


def label_value(label: LabelSpec, rows: TypedRows) -> Stored:
    """The label in its own unit, float64 [n], or its class id, int32 [n], -1 for an unknown class."""
    if not label.classes:
        return numbers_of(rows.label)
    numbers = _few_integers(label.classes)
    if numbers is None:
        return indices_in(_class_text(label, rows), label.classes)
    class_ids = pc.index_in(pc.add(rows.label, 0.0), pa.array(numbers)).fill_null(-1)
    ids: Stored = class_ids.to_numpy()
    return ids


def _class_text(label: LabelSpec, rows: TypedRows) -> pa.Array:
    """String [n]: classes that all are numbers are the same in whatever way a row writes them."""
    return pc.coalesce(number_text(rows.label), rows.label_text) if are_numbers(label.classes) else rows.class_text


def _few_integers(classes: Sequence[str]) -> list[float] | None:
    """The classes as numbers, where they are integers: comparing numbers is faster than formatting each row's label."""
    plain = all(re.fullmatch(r"0|-?[1-9][0-9]{0,14}", name) for name in classes)
    return [float(name) for name in classes] if plain else None


def label_transform(label: LabelSpec) -> NumericTransform:
    """The transform of a regression label, before it is scaled."""
    match label.transform:
        case "log":
            return NumericTransform(shape="log1p")
        case "power":
            return NumericTransform(shape="power", power=label.power)
    return NumericTransform()


def network_label(label: LabelSpec, rows: TypedRows) -> Values:
    """The label as the network is trained on it, float64 [n]; 1 for the positive one of two classes."""
    if not label.classes:
        with np.errstate(all="ignore"):
            return (label_transform(label).array(numbers_of(rows.label)) - label.center) / label.scale
    positive: Values = (label_value(label, rows) == len(label.classes) - 1).astype(np.float64)
    return positive
