"""Numeric columns: the section `features.numeric`, of the kinds `scaled` and `bucket`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.kinds.feature import Dimension
from pipeline.kinds.registry import KINDS, check_encoding, kind_of_encoding
from pipeline.schemas.section import LATER, Columns, Fraction, Integer, Number, Section

Edges = Annotated[tuple[Number, ...], Field(min_length=1)]


class ClipConfig(Section):
    """Bounds, as values or as quantiles of training rows.

    Attributes:
        low: smaller values become this.
        high: larger values become this.
        quantiles: of training rows, instead of `low` and `high`.
    """

    low: Number | None = None
    high: Number | None = None
    quantiles: tuple[Fraction, Fraction] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> ClipConfig:
        bounds = (self.low, self.high) if self.quantiles is None else self.quantiles
        if self.quantiles is not None and (self.low is not None or self.high is not None):
            raise ValueError("give either low and high, or quantiles")
        if bounds == (None, None):
            raise ValueError("give low, high or quantiles")
        if bounds[0] is not None and bounds[1] is not None and bounds[0] >= bounds[1]:
            raise ValueError("the lower bound must be less than the upper one")
        return self


class NumericConfig(Section):
    """Numeric columns with the same settings: filled, clipped, transformed, scaled and encoded, in this order.

    Attributes:
        columns: their names, patterns or types.
        impute: what replaces null; `constant` takes `fill`, `error` stops on a null.
        fill: the constant that replaces null.
        indicator: adds a column `NAME_missing` that is 1 where the value was null, and 0 elsewhere.
        clip: bounds.
        shape: `log1p` takes log(1 + x) (values above -1 only), `power` Yeo-Johnson with the likeliest lambda.
        scale: `standard` gives mean 0 and deviation 1, `min_max` gives 0 to 1, `robust` median 0 and distance 1
            between the quartiles, `max_abs` divides by the largest absolute value, all over training rows.
        not_finite: whether NaN and infinities stop the job or count as null.
        encoding: `scalar` is the number itself; `piecewise_linear` lets the model expand it between edges;
            `bucketize` makes it the id of an interval; `package.module:name` is a kind of your own.
        bins: how many intervals, for `piecewise_linear` and `bucketize`.
        binning: `quantile` takes edges at quantiles of training rows, `uniform` at equal distances, `mixed` at
            quantiles of the rows and of the distinct values, which gives a mostly constant column edges too.
        edges: between intervals, in the column's own unit; instead of `bins` and `binning`.
        dimension: of an embedding of the intervals' ids; None for one-hot.
        options: settings of a kind that has some.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    impute: Literal["mean", "median", "mode", "constant", "error"] = "mean"
    fill: Number | None = None
    indicator: bool = False
    clip: ClipConfig | None = None
    shape: Literal["linear", "log1p", "power"] = "linear"
    scale: Literal["standard", "min_max", "robust", "max_abs", "none"] = "standard"
    not_finite: Literal["error", "null"] = "error"
    encoding: Annotated[str, AfterValidator(partial(check_encoding, "numeric"))] = "scalar"
    bins: Annotated[Integer, Field(ge=2, le=1024)] = 32
    binning: Literal["quantile", "uniform", "mixed"] = "mixed"
    edges: Edges | None = None
    dimension: Dimension | None = None
    options: Annotated[dict[str, Any], LATER] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> NumericConfig:
        KINDS.resolve(self.kind).parsed_options(self.options)
        if (self.impute == "constant") != (self.fill is not None):
            raise ValueError("fill and impute: constant go together")
        if self.edges is not None and list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must ascend")
        if self.edges is not None and self.encoding == "scalar":
            raise ValueError("edges go with encoding: piecewise_linear or bucketize")
        if self.encoding == "piecewise_linear" and self.edges is not None and len(self.edges) < 2:
            raise ValueError("piecewise_linear needs two edges or more")
        if self.dimension is not None and self.encoding != "bucketize":
            raise ValueError("dimension goes with encoding: bucketize")
        return self

    @property
    def kind(self) -> str:
        """The kind of feature that each column becomes."""
        return kind_of_encoding("numeric", self.encoding)
