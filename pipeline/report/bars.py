"""Small graphics within tables: horizontal bars and histograms, as numbers for SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TRACK = 180
"""Width of the track of a bar, in pixels."""
WIDTH, HEIGHT = 140, 40
"""Size of a histogram, in pixels."""


@dataclass(frozen=True)
class Bar:
    """A horizontal bar; lengths are in pixels from the left.

    Attributes:
        about: its values, for a tooltip.
        length: length of the bar.
        whole: position of the mark for the value of all rows; None without one.
        deviation: both ends of a line that shows how much repeats differ; None without one.
    """

    about: str
    length: float
    whole: float | None = None
    deviation: tuple[float, float] | None = None


def bar(
    value: float | None, most: float, *, about: str, whole: float | None = None, deviation: float | None = None
) -> Bar | None:
    """A bar for `value`, where `most` fills the track; None if there is nothing to draw.

    Args:
        value: the value; None if undefined. A negative one has no length.
        most: the largest of the values that are compared.
        about: what the bar shows.
        whole: the value of all rows.
        deviation: standard deviation of the value over repeats.
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
    """A histogram as an SVG path of `WIDTH` times `HEIGHT` pixels; bins that are not empty are visible."""
    step, most = WIDTH / len(counts), max(*counts, 1)
    gap = 1.0 if len(counts) > 1 else 0.0
    heights = [max(1.0, (HEIGHT - 2) * count / most) if count else 0.0 for count in counts]
    return "".join(
        f"M{position * step:.4g} {HEIGHT - 1}v-{height:.3g}h{step - gap:.3g}v{height:.3g}z"
        for position, height in enumerate(heights)
        if height
    )
