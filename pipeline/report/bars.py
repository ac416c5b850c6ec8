"""Small pictures within tables: horizontal bars and histograms, as numbers for SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TRACK = 180
"""Width of what a bar is drawn on, in pixels."""
WIDTH, HEIGHT = 140, 40
"""Of a histogram, in pixels."""


@dataclass(frozen=True)
class Bar:
    """A horizontal bar; lengths are in pixels from the left.

    Attributes:
        about: its figures, for a tooltip.
        length: of the bar.
        whole: where the value of all rows is marked, if it is.
        deviation: both ends of a line that shows how much repeats differ, if there is one.
    """

    about: str
    length: float
    whole: float | None = None
    deviation: tuple[float, float] | None = None


def bar(
    value: float | None, most: float, *, about: str, whole: float | None = None, deviation: float | None = None
) -> Bar | None:
    """A bar of `value`, where `most` fills the track; None where there is nothing to draw.

    Args:
        value: None where it is not defined; negative ones have no length.
        most: the largest of the values that are compared.
        about: what the bar stands for.
        whole: the value of all rows.
        deviation: of the value.
    """
    if value is None or most <= 0.0:
        return None
    about = f"{about}: {value:.6g}" + ("" if whole is None else f", all rows {whole:.6g}")
    return Bar(
        about,
        _pixels(value, most),
        None if whole is None else _pixels(whole, most),
        None if deviation is None else (_pixels(value - deviation, most), _pixels(value + deviation, most)),
    )


def _pixels(value: float, most: float) -> float:
    return TRACK * min(max(value, 0.0) / most, 1.0)


def histogram_path(counts: Sequence[int]) -> str:
    """A histogram as the path of an SVG of `WIDTH` times `HEIGHT` pixels; bins that hold anything are seen."""
    step, most = WIDTH / len(counts), max(*counts, 1)
    gap = 1.0 if len(counts) > 1 else 0.0
    heights = [max(1.0, (HEIGHT - 2) * count / most) if count else 0.0 for count in counts]
    return "".join(
        f"M{position * step:.4g} {HEIGHT - 1}v-{height:.3g}h{step - gap:.3g}v{height:.3g}z"
        for position, height in enumerate(heights)
        if height
    )
