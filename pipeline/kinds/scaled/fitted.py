"""A number that is filled, clipped, transformed and scaled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pipeline.kinds.feature import NumberFeature, ValueFeature

TransformName = Literal["linear", "log1p", "power"]


class ScaledFeature(NumberFeature, ValueFeature):
    """`g(clip(fill if x is null else x))`, then `(... - center) / scale`; `g` is one of `TransformName`.

    Attributes:
        kind: discriminates features at rest.
        name: of the store's column.
        source: the raw or derived column, a number.
        fill: replaces null; None where training rows had no null and none is allowed later.
        low: smaller values become this; None for no bound.
        high: larger values become this; None for no bound.
        shape: `linear` leaves the value, `log1p` takes log(1 + x), `power` is Yeo-Johnson's with `power` as lambda.
        power: lambda of Yeo and Johnson, A new family of power transformations (Biometrika, 2000).
        center: subtracted from the transformed value.
        scale: divides; never 0.
        edges: of the piecewise-linear encoding, ascending, in the unit of the column of the store; the model expands
            the number to one per interval between edges (Gorishniy et al., NeurIPS 2022). Empty for the number itself.
    """

    kind: Literal["scaled"] = "scaled"
    fill: float | None = None
    low: float | None = None
    high: float | None = None
    shape: TransformName = "linear"
    power: float = 1.0
    center: float = 0.0
    scale: float = 1.0
    edges: tuple[float, ...] = ()

    keeps_values: ClassVar[bool] = True

    @property
    def width(self) -> int:
        """Columns that the network sees."""
        return max(len(self.edges) - 1, 1)

    @property
    def fills_null(self) -> bool:
        """Whether there is something to fill with."""
        return self.fill is not None

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """`low` and `high`."""
        return self.low, self.high

    def examples(self, column: str) -> Iterator[float]:
        """What null becomes, and numbers around the middle."""
        if column == self.source:
            yield from () if self.fill is None else (self.fill,)
            yield from (self.center, self.center + self.scale)
