"""The kinds there are, and what engines ask of them.

A kind's modules are imported when they are first asked for: `layers.py` loads TensorFlow, which tasks of Spark do
without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays.values import Ids, Values
from pipeline.kinds.feature import Feature, TextFeature

KINDS = ("scaled", "mapped", "vocabulary", "hashed", "bucket")
"""Folders, which are also what `kind` is in `features.json`."""

Stored = npt.NDArray[Any]
"""A column of a store, float32 or int32 [n]."""


class Arrays(Protocol):
    """What `arrays.py` of every kind has; those made of numbers have `Numbers` too, those of texts `Texts`."""

    def fit(self, plan: Any, found: Any) -> Any:
        """From a plan and the statistics of training rows to the fitted feature."""

    def stored(self, feature: Any, values: Mapping[str, pa.Array], folds: Ids | None = None) -> Sequence[Stored]:
        """The columns of a store.

        Args:
            feature: of this kind.
            values: raw and derived columns by name, float64 or string [n].
            folds: [n], the fold of a training row, negative for other rows; None where no row is a training row.
        """


class Numbers(Arrays, Protocol):
    """The kinds made of numbers."""

    def of_numbers(self, feature: Any, values: Values) -> Stored:
        """The column of a store, of values that are NaN where they are null or not finite."""

    def beyond_float32(self, feature: Any, values: Sequence[float]) -> tuple[float, ...]:
        """The least and the greatest number that the feature meets, where the store cannot hold all between."""

    def source_values(self, feature: Any, column: Stored, missing: float) -> Values:
        """The values that a column of a store was made of, ascending; only of features that keep them."""


class Texts(Arrays, Protocol):
    """The kinds made of texts."""

    def table(self, feature: Any, text: TextFeature, *, by_fold: bool = False) -> Stored:
        """What the feature makes of each id of a text that rows of all folds share: [ids], or [folds, ids]."""


class Layers(Protocol):
    """What `layers.py` of every kind has."""

    def serve(self, features: Sequence[tuple[int, Any]], columns: Any) -> Iterator[tuple[Sequence[str], Any]]:
        """The columns of a store, see `layer.py`; `features` are those of this kind, with their places among all."""


def arrays_of(kind: str) -> Arrays:
    """The arrays side of a kind."""
    return cast(Arrays, _module(kind, "arrays"))


def number_arrays_of(kind: str) -> Numbers:
    """The arrays side of a kind made of numbers."""
    return cast(Numbers, _module(kind, "arrays"))


def text_arrays_of(kind: str) -> Texts:
    """The arrays side of a kind made of texts."""
    return cast(Texts, _module(kind, "arrays"))


def layers_of(kind: str) -> Layers:
    """The Keras side of a kind."""
    return cast(Layers, _module(kind, "layers"))


def by_kind(features: Iterable[Feature], first: int = 0) -> dict[str, list[tuple[int, Feature]]]:
    """The features of each kind with their places, counted from `first`, in the order of `KINDS`."""
    placed = list(enumerate(features, first))
    found = {kind: [(place, feature) for place, feature in placed if feature.kind == kind] for kind in KINDS}
    return {kind: own for kind, own in found.items() if own}


def _module(kind: str, name: str) -> Any:
    return import_module(f"{__package__}.{kind}.{name}")
