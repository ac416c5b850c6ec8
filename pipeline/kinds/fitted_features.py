"""Fitted features: plain numbers and vocabularies, learned from training rows only; `features.json` of a store.

The same numbers are executed on arrays when a store is written and by Keras layers when a model is served:

    raw columns -> derived columns -> features, one column of the store each -> the network expands them

A raw column is read as a number (float64; NaN and infinities count as null) or as a text; either may be null.

Features with a float32 column (`FittedFeatures.numeric`):

    ScaledFeature   g(clip(fill if x is null else x)), then `(... - center) / scale`; `g` is one of `TransformName`
    MappedFeature   a number for each text

Features with an int32 column of ids (`FittedFeatures.categorical`); id 0 stands for what is unknown:

    VocabularyFeature   the text's position in the vocabulary, counted from 1; null is a word of its own
                        (`NULL_TOKEN`) where training rows had nulls
    HashedFeature       1 + CRC-32 of the text modulo the number of buckets; null is 0
    BucketFeature       1 + how many edges are less than or equal to the number; null is 0

The text of several sources (a cross) is theirs joined by `CROSS_SEPARATOR`, null being `NULL_TOKEN`; the cross itself
is never null. A multi-valued text is split at a separator, spaces around values and empty values are left out, values
past the last slot are dropped, and every slot is a column of the store, `name[0]`, `name[1]`, ...; a slot without a
value holds the id `size - 1`, the padding, which the model expands to zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails

from pipeline.kinds.feature import Feature, IdFeature, NumberFeature, TextFeature, ValueFeature
from pipeline.kinds.registry import KINDS
from pipeline.schemas.document import Document
from pipeline.schemas.expression import DerivedColumn, ValueType, columns_of
from pipeline.schemas.label import LabelSpec
from pipeline.schemas.store_schema import ROW_ID, WEIGHT, ColumnSpec, StoreSchema
from pipeline.schemas.tensors import TensorSpec, concat_specs
from pipeline.schemas.text_reading import TextReading


def _of_its_kind(value: Any) -> Any:
    """The fitted feature that JSON stands for, of the class that its `kind` has."""
    if isinstance(value, Feature):
        return value
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str):
        raise ValueError("a feature needs its kind")
    try:
        return KINDS.resolve(kind).feature.model_validate(value)
    except ValidationError as error:
        raise ValidationError.from_exception_data(
            error.title, [_within(kind, problem) for problem in error.errors()]
        ) from error


def _within(kind: str, problem: ErrorDetails) -> InitErrorDetails:
    """The same problem, with the kind in its path."""
    loc, context = (kind, *problem["loc"]), problem.get("ctx", {})
    return InitErrorDetails(type=problem["type"], loc=loc, input=problem["input"], ctx=context)


NumericFeature = Annotated[ValueFeature, BeforeValidator(_of_its_kind), SerializeAsAny()]
CategoricalFeature = Annotated[IdFeature, BeforeValidator(_of_its_kind), SerializeAsAny()]


class RawColumn(Document):
    """A column of the source that features are computed from, and how it is read."""

    name: str
    type: ValueType


class FittedFeatures(Document):
    """All fitted features, in the order in which the model sees them.

    Attributes:
        numeric: come first.
        categorical: come after them.
        label: what is predicted.
        derived: columns that features are computed from, each using raw columns and those before it.
        weight: the column of the source that weighs training rows, if any.
        weight_mean: of that column over training rows; the store holds weights divided by it.
        null_values: texts that mean null in every column, spaces around them aside.
        readings: how the texts of some columns are read.
    """

    numeric: tuple[NumericFeature, ...]
    categorical: tuple[CategoricalFeature, ...]
    label: LabelSpec
    derived: tuple[DerivedColumn, ...] = ()
    weight: str | None = None
    weight_mean: float = 1.0
    null_values: tuple[str, ...] = ()
    readings: Mapping[str, TextReading] = {}

    @property
    def features(self) -> tuple[NumericFeature | CategoricalFeature, ...]:
        """All of them, in order."""
        return (*self.numeric, *self.categorical)

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """The tensors of a batch that features feed, in order."""
        return concat_specs(spec for feature in self.features for spec in feature.tensors)

    @property
    def of_numbers(self) -> tuple[NumberFeature, ...]:
        """Those made of numbers, in order."""
        return tuple(feature for feature in self.features if isinstance(feature, NumberFeature))

    @property
    def of_texts(self) -> tuple[TextFeature, ...]:
        """Those made of texts, in order."""
        return tuple(feature for feature in self.features if isinstance(feature, TextFeature))

    @property
    def raw(self) -> tuple[RawColumn, ...]:
        """Columns of the source and how they are read: see `raw_columns`."""
        return raw_columns(self._used(), self.derived)

    @property
    def id_columns(self) -> tuple[tuple[str, CategoricalFeature], ...]:
        """Each int32 column of the store with its feature: one a feature, or one a slot."""
        return tuple((name, feature) for feature in self.categorical for name in feature.columns)

    def _used(self) -> Iterator[tuple[str, ValueType]]:
        """Columns with the type in which they are used: by derived columns, and by features."""
        for derived in self.derived:
            for column in columns_of(derived.expression):
                yield column.name, column.type
        for feature in self.features:
            yield from ((column, feature.reads) for column in feature.inputs)


def raw_columns(used: Iterable[tuple[str, ValueType]], derived: Iterable[DerivedColumn] = ()) -> tuple[RawColumn, ...]:
    """Columns of the source: numbers, then texts, in the order of their first use.

    Args:
        used: columns with the type in which they are used; one that is used as both types is in the result twice.
        derived: columns that are computed, and so are not in the result.
    """
    computed = {column.name for column in derived}
    each_once = dict.fromkeys(used)
    return tuple(
        RawColumn(name=name, type=kind)
        for wanted in ("number", "text")
        for name, kind in each_once
        if kind == wanted and name not in computed
    )


def store_schema_of(state: FittedFeatures) -> StoreSchema:
    """The columns that a store written with `state` has."""
    return StoreSchema(
        columns=(
            *(ColumnSpec(name=f.name, type="float32", role="numeric") for f in state.numeric),
            *(ColumnSpec(name=n, type="int32", role="categorical", size=f.size) for n, f in state.id_columns),
            ColumnSpec(name=state.label.name, type=state.label.target.label_type, role="label"),
            *([ColumnSpec(name=WEIGHT, type="float32", role="weight")] if state.weight else []),
            ColumnSpec(name=ROW_ID, type="int64", role="row_id"),
        )
    )
