"""Fitted features: plain numbers and vocabularies, learned from training rows only; `features.json` of a store.

The same numbers are executed on arrays when a store is written and by Keras layers when a model is served:

    raw columns -> derived columns -> features, one column of the store each -> the network expands them

A raw column is read as a number (float64; NaN and infinities count as null) or as a text; either may be null.

Features with a float32 column (`FeatureState.numeric`):

    ScaledFeature   g(clip(fill if x is null else x)), then `(... - center) / scale`; `g` is one of `Shape`
    MappedFeature   a number for each text

Features with an int32 column of ids (`FeatureState.categorical`); id 0 stands for what is unknown:

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

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from pipeline.contract.document import Document
from pipeline.contract.expression import DerivedColumn, ValueType, columns_of
from pipeline.contract.label import LabelSpec

OUT_OF_VOCABULARY = 0
NULL_TOKEN = "\x00null"
"""Stands for null in a vocabulary. It begins with NUL, which texts hardly ever hold; one that equals it counts as
null."""

CROSS_SEPARATOR = "\x1f"
"""Between the texts of a cross: ASCII's unit separator."""

TRUE, FALSE = ("TRUE", "true", "True"), ("FALSE", "false", "False")
"""Texts that are 1 and 0 in a numeric column."""

Shape = Literal["linear", "log1p", "power"]
Expansion = Literal["one_hot", "embedding"]


class ScaledFeature(Document):
    """A number that is filled, clipped, shaped and scaled, in this order.

    Attributes:
        kind: tells features apart.
        name: of the store's column.
        source: the raw or derived column, a number.
        fill: replaces null; None where training rows had no null and none is allowed later.
        low: smaller values become this; None for no bound.
        high: larger values become this; None for no bound.
        shape: `linear` leaves the value, `log1p` takes log(1 + x), `power` is Yeo-Johnson's with `power` as lambda.
        power: lambda of Yeo and Johnson, A new family of power transformations (Biometrika, 2000).
        center: subtracted from the shaped value.
        scale: divides; never 0.
        edges: of the piecewise-linear encoding, ascending, in the unit of the column of the store; the model expands
            the number to one per interval between edges (Gorishniy et al., NeurIPS 2022). Empty for the number itself.
    """

    kind: Literal["scaled"] = "scaled"
    name: str
    source: str
    fill: float | None = None
    low: float | None = None
    high: float | None = None
    shape: Shape = "linear"
    power: float = 1.0
    center: float = 0.0
    scale: float = 1.0
    edges: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Columns that the network sees."""
        return max(len(self.edges) - 1, 1)


class MappedFeature(Document):
    """A number for each known text: the place in a given order, or the mean of the label.

    Attributes:
        kind: tells features apart.
        name: of the store's column.
        sources: raw or derived columns, texts; more than one is a cross.
        vocabulary: the known texts; null is `NULL_TOKEN`.
        values: the number of each.
        default: of any other text, and of null where the vocabulary lacks it.
        folds: numbers that training rows get instead, `folds[f][i]` for a row of fold f: the mean of the label over
            training rows of the other folds, so that no row sees its own label. Empty where they get `values`.
    """

    kind: Literal["mapped"] = "mapped"
    name: str
    sources: tuple[str, ...]
    vocabulary: tuple[str, ...]
    values: tuple[float, ...]
    default: float
    folds: tuple[tuple[float, ...], ...] = ()

    width: Literal[1] = 1


class VocabularyFeature(Document):
    """The id of a text by a vocabulary.

    Attributes:
        kind: tells features apart.
        name: of the store's column.
        sources: raw or derived columns, texts; more than one is a cross.
        vocabulary: the known texts, most frequent first, ties in the order of their code points.
        encoding: how the model expands the id.
        dimension: of the embedding; 0 for one-hot.
        separator: between the values of a multi-valued text; None for one value.
        slots: how many values of a multi-valued text are kept; 1 for one value.
    """

    kind: Literal["vocabulary"] = "vocabulary"
    name: str
    sources: tuple[str, ...]
    vocabulary: tuple[str, ...]
    encoding: Expansion = "one_hot"
    dimension: int = 0
    separator: str | None = None
    slots: int = 1

    @property
    def size(self) -> int:
        """Number of ids: unknown, the vocabulary and, for a multi-valued text, padding."""
        return len(self.vocabulary) + (1 if self.separator is None else 2)


class HashedFeature(Document):
    """The id of a text by its hash: nothing is learned, nothing is unknown.

    Attributes:
        kind: tells features apart.
        name: of the store's column.
        sources: raw or derived columns, texts; more than one is a cross.
        buckets: number of hashed ids.
        encoding: how the model expands the id.
        dimension: of the embedding; 0 for one-hot.
        separator: between the values of a multi-valued text; None for one value.
        slots: how many values of a multi-valued text are kept; 1 for one value.
    """

    kind: Literal["hashed"] = "hashed"
    name: str
    sources: tuple[str, ...]
    buckets: int
    encoding: Expansion = "one_hot"
    dimension: int = 0
    separator: str | None = None
    slots: int = 1

    @property
    def size(self) -> int:
        """Number of ids: null, the buckets and, for a multi-valued text, padding."""
        return self.buckets + (1 if self.separator is None else 2)


class BucketFeature(Document):
    """The id of the interval that a number falls into.

    Attributes:
        kind: tells features apart.
        name: of the store's column.
        source: the raw or derived column, a number.
        edges: between the intervals, ascending.
        encoding: how the model expands the id.
        dimension: of the embedding; 0 for one-hot.
    """

    kind: Literal["bucket"] = "bucket"
    name: str
    source: str
    edges: tuple[float, ...]
    encoding: Expansion = "one_hot"
    dimension: int = 0

    separator: None = None
    slots: Literal[1] = 1

    @property
    def size(self) -> int:
        """Number of ids: null, and the intervals."""
        return len(self.edges) + 2


NumericFeature = Annotated[ScaledFeature | MappedFeature, Field(discriminator="kind")]
CategoricalFeature = Annotated[VocabularyFeature | HashedFeature | BucketFeature, Field(discriminator="kind")]


class RawColumn(Document):
    """A column of the source that features are computed from, and how it is read."""

    name: str
    type: ValueType


class FeatureState(Document):
    """All fitted features, in the order in which the model sees them.

    Attributes:
        numeric: come first.
        categorical: come after them.
        label: what is predicted.
        derived: columns that features are computed from, each using raw columns and those before it.
        weight: the column of the source that weighs training rows, if any.
        weight_mean: of that column over training rows; the store holds weights divided by it.
        null_values: texts that mean null in every column, spaces around them aside.
    """

    numeric: tuple[NumericFeature, ...]
    categorical: tuple[CategoricalFeature, ...]
    label: LabelSpec
    derived: tuple[DerivedColumn, ...] = ()
    weight: str | None = None
    weight_mean: float = 1.0
    null_values: tuple[str, ...] = ()

    @property
    def raw(self) -> tuple[RawColumn, ...]:
        """Columns of the source and how they are read: see `raw_columns`."""
        return raw_columns(self._used(), self.derived)

    @property
    def id_columns(self) -> tuple[tuple[str, CategoricalFeature], ...]:
        """Each int32 column of the store with its feature: one a feature, or one a slot."""
        return tuple((name, feature) for feature in self.categorical for name in slot_names(feature))

    def _used(self) -> Iterator[tuple[str, ValueType]]:
        """Columns with the type in which they are used: by derived columns, and by features."""
        for derived in self.derived:
            for column in columns_of(derived.expression):
                yield column.name, column.type
        for feature in (*self.numeric, *self.categorical):
            if isinstance(feature, (ScaledFeature, BucketFeature)):
                yield feature.source, "number"
            else:
                yield from ((source, "text") for source in feature.sources)


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


def slot_names(feature: CategoricalFeature) -> tuple[str, ...]:
    """The columns of the store that a categorical feature has."""
    if feature.separator is None:
        return (feature.name,)
    return tuple(f"{feature.name}[{slot}]" for slot in range(feature.slots))
