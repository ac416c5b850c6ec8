"""A figure as a small PNG file, for pages that hold their pictures."""

from __future__ import annotations

import io

from matplotlib.figure import Figure
from PIL import Image

from pipeline.evaluate.plots.style import DPI

COLOURS = 96
"""Of the palette: enough for soft edges of lines and letters, and a third of the bytes of true colours."""


def png_of(figure: Figure, *, dpi: int = DPI) -> bytes:
    """Draw a figure, at `dpi` dots an inch."""
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    with Image.open(drawn) as image:
        palette = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        palette.save(packed, format="png", optimize=True)
    return packed.getvalue()
