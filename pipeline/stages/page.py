"""Parts of a page that is one file: HTML without scripts, with its style and pictures inside, for screens and paper.

Everything that comes from data passes `text`, so that a name or a value is shown and never obeyed.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence

from pipeline.schemas.tokens import CROSS_SEPARATOR, NULL_TOKEN

LONGEST = 60
LARGEST = 1e8
"""Numbers from here on are written with an exponent, or a row of them would be wider than a page."""
NONE, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
WIDTH, HEIGHT = 140, 40
WIDTH_OF_PNG = slice(16, 20)
"""Where a PNG file tells its width."""

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 28px 32px 48px; background: #fff; color: #222;
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 24px; margin: 0 0 2px; }
h2 { font-size: 17px; margin: 36px 0 8px; padding-bottom: 4px; border-bottom: 1px solid #ddd; }
p { margin: 4px 0; max-width: 900px; }
.quiet { color: #595959; font-size: 12.5px; }
.name { font-weight: 600; overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 14px 0 6px; }
.tile { border: 1px solid #ddd; border-radius: 6px; padding: 8px 14px; min-width: 112px; }
.tile b { display: block; font-size: 19px; font-variant-numeric: tabular-nums; }
.tile span { color: #595959; font-size: 12.5px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; }
th { text-align: left; font-weight: 600; color: #595959; border-bottom: 1px solid #bbb; padding: 4px 7px;
  vertical-align: bottom; }
td { padding: 5px 7px; border-bottom: 1px solid #eee; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { max-width: 240px; min-width: 110px; }
tr, .card { break-inside: avoid; }
.scroll { overflow-x: auto; }
svg { display: block; }
svg path { fill: #0072b2; }
svg line { stroke: #999; stroke-width: 1; }
.axis { display: flex; justify-content: space-between; color: #595959; font-size: 11px; width: 140px;
  font-variant-numeric: tabular-nums; }
.ok { color: #00663f; font-weight: 600; }
.bad { color: #a33f00; font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 8px 40px; margin-top: 10px; }
.cards { columns: 340px; column-gap: 14px; }
.card { margin: 0 0 14px; border: 1px solid #ddd; border-radius: 6px; padding: 10px 14px 12px; }
.card table { margin-top: 6px; }
.card td { padding: 2px 6px; border: 0; font-size: 12.5px; }
.card td.v { max-width: 150px; overflow-wrap: anywhere; }
.bar { width: 90px; }
.bar i { display: block; height: 10px; margin-top: 4px; background: #0072b2; min-width: 1px; }
.bar i.rest { background: #bbb; }
nav { margin: 10px 0 0; font-size: 12.5px; }
nav a { color: #00527f; margin-right: 14px; white-space: nowrap; }
.verdict { border-left: 5px solid #888; background: #f5f5f5; padding: 10px 16px; margin: 14px 0; font-size: 15px; }
.verdict.good { border-color: #009e73; }
.verdict.fair { border-color: #e69f00; }
.verdict.bad { border-color: #d55e00; color: inherit; font-weight: inherit; }
.tile small { display: block; color: #595959; font-size: 11.5px; font-variant-numeric: tabular-nums; }
ul.findings { margin: 6px 0; padding-left: 20px; max-width: 900px; }
img { display: block; max-width: 100%; height: auto; margin: 8px 0; }
.pictures { display: flex; flex-wrap: wrap; gap: 0 28px; align-items: flex-start; }
details { margin: 10px 0; }
summary { cursor: pointer; color: #00527f; font-size: 13px; }
pre { font: 12px/1.4 ui-monospace, Menlo, Consolas, monospace; background: #f7f7f7; padding: 12px 16px;
  overflow-wrap: anywhere; white-space: pre-wrap; }
table.facts { width: auto; }
table.facts td:first-child { color: #595959; white-space: nowrap; }
table.facts td { overflow-wrap: anywhere; }
.rows table { table-layout: fixed; }
.rows td { overflow-wrap: anywhere; }
.rows th:first-child { width: 14%; }
.rows td.name { min-width: 0; }
.scroll + .scroll { margin-top: 18px; }
.track { width: 180px; }
.track svg { overflow: visible; }
.track svg rect { fill: #0072b2; }
.track svg line.whole { stroke: #d55e00; stroke-width: 1.5; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } h2 { break-after: avoid; }
  table { font-size: 10px; } td { padding: 3px 6px; } thead { display: table-header-group; }
  .bar i, svg path, svg rect, .verdict { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav { display: none; } img { zoom: 0.7; break-inside: avoid; } pre { font-size: 9px; }
  .pictures { flex-wrap: nowrap; gap: 0 2%; } .pictures img { max-width: 49%; } .tiles { gap: 7px; }
  .tile { padding: 6px 10px; min-width: 90px; break-inside: avoid; } .tile b { font-size: 15px; }
  h2 { margin-top: 22px; } .quiet, ul.findings { font-size: 10px; } .verdict { font-size: 13px; }
  .scroll { overflow: visible; } .rows table { font-size: 8.5px; } .rows td, .rows th { padding: 3px 4px; } }
"""
LANDSCAPE, PORTRAIT = "A4 landscape", "A4 portrait"


def page(title: str, *sections: str, paper: str = LANDSCAPE) -> str:
    """A whole document; wide tables need a `LANDSCAPE` paper."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{text(title)}</title>'
        f"<style>{STYLE}@page {{ size: {paper}; margin: 12mm; }}\n</style>"
    )
    body = "\n".join(section for section in sections if section)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def text(value: str) -> str:
    """A name or a value as it is shown: escaped, on one line, the middle left out where it is long."""
    shown = value.replace(NULL_TOKEN, "null").replace(CROSS_SEPARATOR, f" {TIMES} ")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)
    if len(shown) > LONGEST:
        shown = f"{shown[: LONGEST - 21]}…{shown[-20:]}"
    return html.escape(shown) or '<span class="quiet">(empty)</span>'


def number(value: float | None) -> str:
    """A number in about five digits; thousands are grouped, but 1984 stays a year."""
    if value is None or not math.isfinite(value):
        return NONE if value is None else str(value)
    size = abs(value)
    if value == int(value) and size < LARGEST:
        shown = f"{value:,.0f}" if size >= 1e4 else f"{value:.0f}"
    elif 1e-4 <= size < LARGEST:
        shown = f"{value:,.{max(0, 4 - math.floor(math.log10(size)))}f}"
        shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    else:
        shown = f"{value:.4g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    return shown.replace("-", MINUS)


def share(part: float, whole: float = 1.0) -> str:
    """A percentage; one that is small but not 0 stays visible."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return "< 0.01 %" if percent < 0.01 else f"{percent:.2f} %" if percent < 10 else f"{percent:.1f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; the first column holds names.

    Args:
        head: plain texts; an empty one stays empty.
        rows: cells.
        numeric: places of the columns that are aligned to the right.
    """
    kinds = [' class="n"' if place in numeric else ' class="name"' if not place else "" for place in range(len(head))]
    heads = "".join(
        f"<th{kind if place else ''}>{text(name) if name else ''}</th>" for place, (name, kind) in _placed(head, kinds)
    )
    lines = "".join(
        f"<tr>{''.join(f'<td{kind}>{cell}</td>' for cell, kind in zip(row, kinds, strict=True))}</tr>\n" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody></table></div>'


def tile(value: str, name: str, *notes: str) -> str:
    """A figure with its name below, and small print."""
    small = "".join(f"<small>{note}</small>" for note in notes)
    return f'<div class="tile"><b>{value}</b><span>{text(name)}</span>{small}</div>'


def picture(png: bytes, about: str) -> str:
    """A picture within the page, at two thirds of its pixels, so that it is sharp on fine screens and on paper.

    Args:
        png: the file.
        about: what it shows, for those who cannot see it.
    """
    content, pixels = base64.b64encode(png).decode("ascii"), int.from_bytes(png[WIDTH_OF_PNG], "big")
    return f'<img src="data:image/png;base64,{content}" alt="{html.escape(about)}" width="{pixels * 2 // 3}">'


def section(title: str, *parts: str) -> str:
    """A heading that can be gone to, with what stands below it; nothing where nothing does."""
    content = "\n".join(part for part in parts if part)
    return f'<section><h2 id="{anchor(title)}">{text(title)}</h2>\n{content}</section>' if content else ""


def anchor(title: str) -> str:
    """What a heading is called in a link."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())


def contents(*titles: str) -> str:
    """Links to sections."""
    links = [f'<a href="#{anchor(title)}">{text(title)}</a>' for title in titles]
    return f"<nav>{' '.join(links)}</nav>"


def details(summary: str, content: str) -> str:
    """What few readers want to see, behind a line that opens it."""
    return f"<details><summary>{text(summary)}</summary>\n{content}</details>"


def facts(pairs: Mapping[str, str]) -> str:
    """Names and values that are HTML already, a line each."""
    lines = "".join(f"<tr><td>{text(name)}</td><td>{value}</td></tr>\n" for name, value in pairs.items())
    return f'<table class="facts">{lines}</table>'


def bars(counts: Sequence[int], low: str, high: str) -> str:
    """A small picture of counts with the ends of its axis below.

    Args:
        counts: heights.
        low: at the left end.
        high: at the right end.
    """
    step, most = WIDTH / len(counts), max(*counts, 1)
    gap = 1.0 if len(counts) > 1 else 0.0
    heights = [max(1.0, (HEIGHT - 2) * count / most) if count else 0.0 for count in counts]
    path = "".join(
        f"M{place * step:.4g} {HEIGHT - 1}v-{height:.3g}h{step - gap:.3g}v{height:.3g}z"
        for place, height in enumerate(heights)
        if height
    )
    base = f'<line x1="0" x2="{WIDTH}" y1="{HEIGHT - 0.5}" y2="{HEIGHT - 0.5}"/>'
    picture = f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="histogram"><path d="{path}"/>{base}</svg>'
    return f'{picture}<div class="axis"><span>{low}</span><span>{high}</span></div>'


def _placed(head: Sequence[str], kinds: Sequence[str]) -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(zip(head, kinds, strict=True)))
