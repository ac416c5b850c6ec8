"""The functions that every kind of feature has, by which engines fit and apply it.

A kind's functions lie in the modules `arrays` and `layers` of its folder, or where it has none, beside its
`FeatureKind`. They are imported when they are first asked for: `layers` loads TensorFlow, which Spark's tasks do
without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, cast

from pipeline.kinds.feature import Feature, NumberFeature, TextFeature

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.arrays.values import Ids, Stored, Values
    from pipeline.kinds.statistics import Needs, Transform


class Arrays(Protocol):
    """What `arrays.py` of every kind has; those made of numbers have `Numbers` too, those of texts `Texts`."""

    def needs(self, group: Any) -> Needs:
        """The statistics of training rows that `fit` looks at, by the configuration of a group of columns."""

    def fit(self, plan: Any, statistics: Any) -> Any:
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

    def transform(self, group: Any, sample: Values) -> Transform | None:
        """The transform before the moments that `needs` calls `transformed`; None for none.

        Args:
            group: the configuration.
            sample: finite values of training rows, ascending; may be empty where `needs` does not ask for it.
        """

    def of_numbers(self, feature: Any, values: Values) -> Stored:
        """The column of a store, of values that are NaN where they are null or not finite."""

    def beyond_float32(self, feature: Any, values: Sequence[float]) -> tuple[float, ...]:
        """The least and the greatest number of the feature if the store cannot hold all between, else empty."""

    def source_values(self, feature: Any, column: Stored, missing: float) -> Values:
        """The values of the source behind a column of a store, ascending; only of features with `keeps_values`."""


class Texts(Arrays, Protocol):
    """The kinds made of texts."""

    def table(self, feature: Any, text: TextFeature, *, by_fold: bool = False) -> Stored:
        """The feature's value for each id of a text that rows of all folds share: [ids], or [folds, ids]."""


class Layers(Protocol):
    """What `layers.py` of every kind has."""

    def serve(self, features: Sequence[tuple[int, Any]], columns: Any) -> Iterator[tuple[Sequence[str], Any]]:
        """The columns of a store, see `layer.py`; `features` are those of this kind, with their positions among all."""


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


def missing_functions(kind: str, feature: type[Feature]) -> tuple[str, ...]:
    """The functions that a kind must have and lacks; `serve` is not looked for in a module `layers`, which would load
    TensorFlow.

    Args:
        kind: its name or reference.
        feature: the class of its fitted features.
    """
    arrays = arrays_of(kind)
    missing = [name for name in _functions_of(feature) if not callable(getattr(arrays, name, None))]
    package = _package(kind)
    whole = import_module(package)
    has_layers = hasattr(whole, "__path__") and find_spec(f"{package}.layers") is not None
    serves = has_layers or callable(getattr(whole, "serve", None))
    return (*missing, *(() if serves else ("serve",)))


def _functions_of(feature: type[Feature]) -> tuple[str, ...]:
    names: tuple[str, ...] = ("needs", "fit", "stored")
    if issubclass(feature, NumberFeature):
        names += ("transform", "of_numbers", "beyond_float32")
        return (*names, "source_values") if getattr(feature, "keeps_values", True) else names
    return (*names, "table") if issubclass(feature, TextFeature) else names


def _package(kind: str) -> str:
    return kind.partition(":")[0] if ":" in kind else f"{__package__}.{kind}"


@cache
def _module(kind: str, name: str) -> Any:
    """The module of a kind's folder, or the one that declares it, where that is all of it."""
    package = _package(kind)
    whole = import_module(package)
    if not hasattr(whole, "__path__") or find_spec(f"{package}.{name}") is None:
        return whole
    return import_module(f"{package}.{name}")
