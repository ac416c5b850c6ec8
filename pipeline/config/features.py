"""Which columns become features, and how.

Columns are named, or chosen: `score_*` takes every column that fits the pattern, `type:number` every column that the
table's contract calls a number (`number`, `integer`, `boolean`, `text`, `date`, `timestamp`). What is chosen leaves
out the label, the key and other columns with a role of their own, and every column that is named elsewhere. With
neither numeric nor categorical columns, dates nor crosses, the features follow from the contract
(`features/choose.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pipeline.config.base import Columns, Count, Fraction, Integer, Number, OneOrMore, Section
from pipeline.config.expression import check_expression

PATTERN_SIGNS = frozenset("*?[")
TYPE_PREFIX = "type:"

Edges = Annotated[tuple[Number, ...], Field(min_length=1)]
Dimension = Annotated[Integer, Field(ge=1, le=4096)]


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
    """Numeric columns that are treated alike: filled, clipped, shaped, scaled and encoded, in this order.

    Attributes:
        columns: their names, patterns or types.
        impute: what replaces null; `constant` uses `fill`, `error` stops on a null.
        fill: the constant.
        indicator: adds a column `NAME_missing` that is 1 where the value was null, and 0 elsewhere.
        clip: bounds.
        shape: `log1p` takes log(1 + x) (values above -1 only), `power` Yeo-Johnson with the likeliest lambda.
        scale: `standard` gives mean 0 and deviation 1, `min_max` gives 0 to 1, `robust` median 0 and distance 1
            between the quartiles, `max_abs` divides by the largest absolute value, all over training rows.
        not_finite: NaN and infinities either stop the job or count as null.
        encoding: `scalar` is the number itself; `piecewise_linear` lets the model expand it between edges;
            `bucketize` makes it the id of an interval.
        bins: how many intervals, for the last two.
        binning: intervals at quantiles of training rows, of equal width, or `mixed`: at quantiles of the rows and of
            the distinct values both, which gives a mostly constant column edges too.
        edges: instead of `bins` and `binning`, in the column's own unit.
        dimension: of an embedding of the intervals' ids; None for one-hot.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    impute: Literal["mean", "median", "mode", "constant", "error"] = "mean"
    fill: Number | None = None
    indicator: bool = False
    clip: ClipConfig | None = None
    shape: Literal["linear", "log1p", "power"] = "linear"
    scale: Literal["standard", "min_max", "robust", "max_abs", "none"] = "standard"
    not_finite: Literal["error", "null"] = "error"
    encoding: Literal["scalar", "piecewise_linear", "bucketize"] = "scalar"
    bins: Annotated[Integer, Field(ge=2, le=1024)] = 32
    binning: Literal["quantile", "uniform", "mixed"] = "mixed"
    edges: Edges | None = None
    dimension: Dimension | None = None

    @model_validator(mode="after")
    def _consistent(self) -> NumericConfig:
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


class CategoricalConfig(Section):
    """Categorical columns that are treated alike.

    Attributes:
        columns: their names, patterns or types.
        encoding: `one_hot` and `embedding` are how the model expands an id; `ordinal` is the place in `order`, from 0
            for the first to 1 for the last; `target_mean` is the label's mean over training rows of the value, drawn
            towards the mean of all (a training row sees the mean over other rows only).
        max_categories: the most frequent values that are kept. The rare others share the id of values that training
            never saw, which they teach the model to read.
        min_count: how often a value must occur in training rows to be kept.
        dimension: of an embedding; None means min(50, 1.6 x size^0.56).
        hash_buckets: instead of a vocabulary, the id is the text's hash below this number.
        order: of an ordinal column's values, the lowest first; other values count as null, null is the middle.
        smoothing: of a target mean, in rows: so many rows with the mean of all are added to those of a value.
        separator: between the values of a multi-valued column.
        max_values: how many values of a multi-valued column are kept at most; the others are dropped, with a warning.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    encoding: Literal["one_hot", "embedding", "ordinal", "target_mean"] = "one_hot"
    max_categories: Annotated[Integer, Field(ge=1, le=10_000_000)] = 1000
    min_count: Count = 1
    dimension: Dimension | None = None
    hash_buckets: Annotated[Integer, Field(ge=2, le=10_000_000)] | None = None
    order: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    smoothing: Annotated[Number, Field(ge=0.0)] = 20.0
    separator: Annotated[str, Field(min_length=1, max_length=8)] | None = None
    max_values: Annotated[Integer, Field(ge=1, le=256)] = 16

    @model_validator(mode="after")
    def _consistent(self) -> CategoricalConfig:
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


class DerivedConfig(Section):
    """A column that is computed from others by an SQL expression; see `config/expression.py` for what it may hold.

    Attributes:
        name: of the new column.
        expression: SQL over columns of the source and columns derived before.
    """

    name: Annotated[str, Field(min_length=1)]
    expression: Annotated[str, Field(min_length=1)]

    @field_validator("expression")
    @classmethod
    def _is_allowed(cls, text: str) -> str:
        check_expression(text)
        return text


DatePart = Literal["year", "quarter", "month", "day", "weekday", "day_of_year", "hour", "days"]


class DateConfig(Section):
    """Dates that are taken apart into numbers.

    Attributes:
        columns: dates or timestamps, or texts that hold them as `2024-03-01` or `2024-03-01 12:30:00`.
        parts: become columns `NAME_PART`; `weekday` is 0 on Monday, `days` are days since 1970-01-01.
        cyclic: adds for each part with a period (quarter, month, day, weekday, day_of_year, hour) the sine and cosine
            of its place in it, `NAME_PART_sin` and `NAME_PART_cos`, instead of the part itself.
        since: a date column, or a date: adds `NAME_since`, the days between.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    parts: Annotated[tuple[DatePart, ...], OneOrMore] = ("year", "month", "weekday")
    cyclic: bool = False
    since: str | None = None


class TargetConfig(Section):
    """How the network sees a regression label; metrics and predictions stay in the label's own unit.

    Attributes:
        transform: `standard` scales, `log` takes log1p and then scales (labels above -1 only), `power` is
            Yeo-Johnson with the likeliest lambda and then scales, `none` leaves it.
    """

    transform: Literal["standard", "log", "power", "none"] = "standard"


def _switch(value: object) -> object:
    """`drop: true` and `drop: false` stand for all and none of its parts."""
    return {"constant": value, "identical": value, "label": value} if isinstance(value, bool) else value


class DropConfig(Section):
    """Feature columns that are left out, with a warning that says why.

    Attributes:
        constant: those with one value in training rows.
        identical: those equal to an earlier feature column in all training rows.
        label: those equal to the label in all training rows.
    """

    constant: bool = True
    identical: bool = True
    label: bool = True


class FeaturesConfig(Section):
    """All features.

    Attributes:
        derived: columns that are computed first; features can name them.
        dates: dates that are taken apart; their parts become numeric features, scaled to mean 0 and deviation 1.
        numeric: groups of numeric columns; one group may stand without a list.
        categorical: groups of categorical columns.
        crosses: combinations of categorical columns.
        drop: columns that tell nothing, or too much.
        target: the label.
    """

    derived: Annotated[tuple[DerivedConfig, ...], OneOrMore] = ()
    dates: Annotated[tuple[DateConfig, ...], OneOrMore] = ()
    numeric: Annotated[tuple[NumericConfig, ...], OneOrMore] = ()
    categorical: Annotated[tuple[CategoricalConfig, ...], OneOrMore] = ()
    crosses: Annotated[tuple[CrossConfig, ...], OneOrMore] = ()
    drop: Annotated[DropConfig, BeforeValidator(_switch)] = DropConfig()
    target: TargetConfig = TargetConfig()

    @model_validator(mode="after")
    def _each_column_once(self) -> FeaturesConfig:
        names = [name for group in self.groups for name in group.columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"columns named more than once: {', '.join(repeated)}")
        made = [column.name for column in self.derived] + [cross.feature_name for cross in self.crosses]
        unfit = [name for name in (*names, *made) if "/" in name or name.startswith("__") or not name]
        if unfit:
            raise ValueError(
                f"columns whose names the exported model cannot have: {', '.join(map(repr, unfit))}. "
                "Rename them in the source: no '/', and no '__' at the start"
            )
        return self

    @property
    def groups(self) -> tuple[NumericConfig | CategoricalConfig | DateConfig, ...]:
        """Every group of columns, crosses aside."""
        return (*self.numeric, *self.categorical, *self.dates)

    @property
    def is_automatic(self) -> bool:
        """Whether the features follow from the contract alone."""
        return not (self.numeric or self.categorical or self.crosses or self.dates)


def is_choice(column: str) -> bool:
    """Whether an entry of `columns` is a pattern or a type, and not a name."""
    return column.startswith(TYPE_PREFIX) or bool(PATTERN_SIGNS & set(column))
