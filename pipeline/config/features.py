"""Which columns become features, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.base import Columns, Count, Number, OneOrMore, Section


class NumericConfig(Section):
    """Numeric columns that are treated alike.

    Attributes:
        columns: their names.
        impute: what replaces null; `constant` uses `fill`, `error` stops on a null.
        fill: the constant.
        scale: `standard` gives mean 0 and deviation 1, `min_max` gives 0 to 1, both over training rows.
        not_finite: NaN and infinities either stop the job or count as null.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    impute: Literal["mean", "median", "constant", "error"] = "mean"
    fill: Number | None = None
    scale: Literal["standard", "min_max", "none"] = "standard"
    not_finite: Literal["error", "null"] = "error"

    @model_validator(mode="after")
    def _constant_is_given(self) -> NumericConfig:
        if (self.impute == "constant") != (self.fill is not None):
            raise ValueError("fill and impute: constant go together")
        return self


class CategoricalConfig(Section):
    """Categorical columns that are treated alike.

    Attributes:
        columns: their names.
        encoding: how the model sees an id.
        max_categories: the most frequent values that are kept; the others are out-of-vocabulary.
        min_count: how often a value must occur in training rows to be kept.
    """

    columns: Annotated[Columns, Field(min_length=1)]
    encoding: Literal["one_hot"] = "one_hot"
    max_categories: Count = 1000
    min_count: Count = 1


class TargetConfig(Section):
    """How the network sees a regression label; metrics and predictions stay in the label's own unit.

    Attributes:
        transform: `standard` scales, `log` takes log1p and then scales (labels above -1 only), `none` leaves it.
    """

    transform: Literal["standard", "log", "none"] = "standard"


class FeaturesConfig(Section):
    """All features.

    Attributes:
        numeric: groups of numeric columns; one group may stand without a list.
        categorical: groups of categorical columns.
        target: the label.
    """

    numeric: Annotated[tuple[NumericConfig, ...], OneOrMore] = ()
    categorical: Annotated[tuple[CategoricalConfig, ...], OneOrMore] = ()
    target: TargetConfig = TargetConfig()

    @model_validator(mode="after")
    def _each_column_once(self) -> FeaturesConfig:
        names = self.columns
        if not names:
            raise ValueError("no feature column: name some under features.numeric or features.categorical")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"columns named more than once: {', '.join(repeated)}")
        unfit = [name for name in names if "/" in name or name.startswith("__") or not name]
        if unfit:
            raise ValueError(
                f"columns whose names the exported model cannot have: {', '.join(map(repr, unfit))}. "
                "Rename them in the source: no '/', and no '__' at the start"
            )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every feature column: numeric ones first, in the order of the file."""
        groups: tuple[NumericConfig | CategoricalConfig, ...] = (*self.numeric, *self.categorical)
        return tuple(name for group in groups for name in group.columns)
