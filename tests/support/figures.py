"""What tests ask of plots."""

from __future__ import annotations

import io
import warnings

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def rendered(figure: Figure) -> int:
    """Draw the figure, with every warning an error but those of the font; returns the bytes of its PNG."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)  # of what other tests left open
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(buffer, format="png", dpi=40)
    return len(buffer.getvalue())


def said(figure: Figure) -> str:
    """The caption, on one line."""
    return figure._supxlabel.get_text().replace("\n", " ") if figure._supxlabel else ""


def words(axes: Axes) -> list[str]:
    """Texts within a plot."""
    return [text.get_text() for text in axes.texts]


def legend(owner: Axes | Figure) -> list[str]:
    """Names in the legend of a plot, or of a figure."""
    found = owner.legends if isinstance(owner, Figure) else [owner.get_legend()]
    return [text.get_text() for box in found if box is not None for text in box.get_texts()]
