"""A figure as a small PNG file, for pages that hold their pictures."""

from __future__ import annotations

import io

from matplotlib.figure import Figure
from PIL import Image

from pipeline.report.plots.style import DPI

COLOURS = 256
"""Size of the palette, which takes a third of the bytes of true colours. It is chosen to cover all colours, not just
the frequent ones: a thin line, which has few pixels, must keep its colour."""


def png_of(figure: Figure, *, dpi: int = DPI) -> bytes:
    """Draw a figure, at `dpi` dots per inch."""
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    with Image.open(drawn) as image:
        palette = image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette.save(packed, format="png", optimize=True)
    return packed.getvalue()
