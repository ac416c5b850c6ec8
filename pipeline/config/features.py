"""Which columns become features, and how.

Columns are named, or chosen: `score_*` takes every column that fits the pattern, `type:number` every column that the
table's contract calls a number (`number`, `integer`, `boolean`, `text`, `date`, `timestamp`). What is chosen leaves
out the label, the key and other columns with a role of their own, and every column that is named elsewhere. With
neither numeric nor categorical columns, dates nor crosses, the features follow from the contract
(`preparation/planning/feature_plan.py`).
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pipeline.config.expression import check_expression
from pipeline.kinds.date.config import DateConfig
from pipeline.kinds.scaled.config import NumericConfig
from pipeline.kinds.vocabulary.config import CategoricalConfig, CrossConfig
from pipeline.schemas.section import OneOrMore, Section

PATTERN_SIGNS = frozenset("*?[")
TYPE_PREFIX = "type:"


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
        numeric: groups of numeric columns; a single group needs no list.
        categorical: groups of categorical columns.
        crosses: combinations of categorical columns.
        drop: which useless or leaking feature columns are left out.
        target: how the label is transformed.
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
        repeated = sorted(name for name, count in Counter(names).items() if count > 1)
        if repeated:
            raise ValueError(f"columns named more than once: {', '.join(repeated)}")
        computed = [column.name for column in self.derived] + [cross.feature_name for cross in self.crosses]
        unfit = [name for name in (*names, *computed) if "/" in name or name.startswith("__") or not name]
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
