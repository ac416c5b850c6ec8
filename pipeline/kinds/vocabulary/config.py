"""Columns of texts: the sections `features.categorical` and `.crosses`, of `vocabulary`, `hashed` and `mapped`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from pipeline.kinds.feature import Dimension
from pipeline.kinds.registry import KINDS, check_encoding, kind_of_encoding
from pipeline.schemas.section import LATER, Columns, Count, Integer, Number, Section


class CategoricalConfig(Section):
    """Categorical columns with the same settings.

    Attributes:
        columns: their names, patterns or types.
        encoding: `one_hot` and `embedding` are how the model expands an id; `ordinal` is the rank in `order`, from 0
            for the first to 1 for the last; `target_mean` is the label's mean over training rows of the value, drawn
            towards the mean of all (a training row sees the mean over other rows only); `package.module:name` is a kind
            of your own.
        max_categories: how many of the most frequent values are kept. The others share the id of values unseen in
            training, so that the model learns what that id means.
        min_count: how often a value must occur in training rows to be kept.
        dimension: of an embedding; None means min(50, 1.6 x size^0.56).
        hash_buckets: the number of ids that texts are hashed to, instead of a vocabulary.
        order: of an ordinal column's values, the lowest first; other values count as null, null is the middle.
        smoothing: of a target mean, in rows: so many rows with the mean of all are added to those of a value.
        separator: between the values of a multi-valued column.
        max_values: the most values of a multi-valued column that a row keeps; further ones are dropped, with a warning.
        options: settings of a kind that has some.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    encoding: Annotated[str, AfterValidator(partial(check_encoding, "categorical"))] = "one_hot"
    max_categories: Annotated[Integer, Field(ge=1, le=10_000_000)] = 1000
    min_count: Count = 1
    dimension: Dimension | None = None
    hash_buckets: Annotated[Integer, Field(ge=2, le=10_000_000)] | None = None
    order: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    smoothing: Annotated[Number, Field(ge=0.0)] = 20.0
    separator: Annotated[str, Field(min_length=1, max_length=8)] | None = None
    max_values: Annotated[Integer, Field(ge=1, le=256)] = 16
    options: Annotated[dict[str, Any], LATER] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> CategoricalConfig:
        KINDS.resolve(self.kind).parsed_options(self.options)
        expanded = self.encoding in ("one_hot", "embedding")
        if (self.encoding == "ordinal") != (self.order is not None):
            raise ValueError("order and encoding: ordinal go together")
        if self.order is not None and len(set(self.order)) < len(self.order):
            raise ValueError("order names a value more than once")
        if self.dimension is not None and self.encoding != "embedding":
            raise ValueError("dimension goes with encoding: embedding")
        if self.hash_buckets is not None and not expanded:
            raise ValueError("hash_buckets goes with encoding: one_hot or embedding")
        if self.separator is not None and not expanded:
            raise ValueError("separator goes with encoding: one_hot or embedding")
        return self

    @property
    def kind(self) -> str:
        """The kind of feature that each column becomes."""
        return kind_of_encoding("categorical", self.encoding) if self.hash_buckets is None else "hashed"


class CrossConfig(CategoricalConfig):
    """A categorical feature made of several columns: each combination of their values is a value.

    Attributes:
        name: of the feature; None joins the columns' names by `_x_`.
    """

    columns: Annotated[Columns, Field(min_length=2)]
    name: str | None = None

    @model_validator(mode="after")
    def _single(self) -> CrossConfig:
        if self.separator is not None or self.order is not None:
            raise ValueError("a cross has neither separator nor order")
        return self

    @property
    def feature_name(self) -> str:
        """The name of the feature."""
        return self.name or "_x_".join(self.columns)
