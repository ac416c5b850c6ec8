"""Classes as they are written: `01` is a text, and `1`, `1.0` and `1.50` are numbers.

A label whose values all are numbers without leading zeros has one class for each number, whatever its spelling, so that
the classes do not depend on the file format. Any other label has a class for each text, as it is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.arrays.cells import number_text
from pipeline.arrays.numbers import numbers_in


def are_numbers(classes: Collection[str]) -> bool:
    """Whether classes are numbers in the one spelling that `number_text` gives."""
    text = pa.array([*classes], pa.string())
    return bool(pc.all(pc.equal(number_text(numbers_in(text)), text).fill_null(False)).as_py())


def number_names(classes: Iterable[str]) -> dict[str, str | None]:
    """The text of the number that each class is; None for a class that is no number."""
    text = pa.array([*classes], pa.string())
    return dict(zip(text.to_pylist(), number_text(numbers_in(text)).to_pylist(), strict=True))
