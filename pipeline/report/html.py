"""Pages from templates: one HTML file without scripts that includes its style and pictures, for screens and paper.

Every value that a template shows is escaped: names and values come from users' data, which may hold any HTML.
"""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.evaluation.metric_names import capital, metric_name
from pipeline.formatting import counted, format_share
from pipeline.report.bars import histogram_path
from pipeline.report.text import metric_value, page_number, sentence, text

PNG_WIDTH = slice(16, 20)
"""Bytes of a PNG file that hold its width in pixels, as a big-endian integer."""


def render(template: str, **values: object) -> str:
    """Render a template of `pipeline/report/templates`.

    Args:
        template: path of the template within that folder.
        values: values by the names that the template uses; a missing one is an error.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    """Loads templates from the package, which may be a zip file on a cluster."""
    environment = Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "anchor": anchor,
        "base64": lambda content: base64.b64encode(content).decode("ascii"),
        "capital": capital,
        "count": "{:,}".format,
        "histogram_path": histogram_path,
        "metric_name": metric_name,
        "number": page_number,
        "png_width": lambda png: int.from_bytes(png[PNG_WIDTH], "big"),
        "sentence": sentence,
        "share": format_share,
        "text": text,
    }
    environment.globals |= {"counted": counted, "metric_value": metric_value}
    return environment


def anchor(title: str) -> str:
    """The anchor of a heading, for links."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())
