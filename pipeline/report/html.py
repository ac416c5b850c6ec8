"""Pages from templates: one HTML file without scripts, with its style and pictures inside, for screens and paper.

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
"""Where a PNG file has its width in pixels, as a big-endian integer."""


def render(template: str, **values: object) -> str:
    """Fill in a template of `pipeline/report/templates`.

    Args:
        template: its path within the folder.
        values: by the names that the template uses; one that is missing is an error.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    """Templates come from the package, which may be a zip file on a cluster."""
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
    """What a heading is called in a link."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())
