"""What the names of a configuration may be, as Markdown; `scripts/reference` shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.networks.network import NETWORKS
from pipeline.schemas.section import Section


def reference() -> str:
    """Every network with its settings."""
    lines = ["# Networks", "", "What `model.type` may be, beside `package.module:name` of your own."]
    for network in NETWORKS.entries.values():
        lines += ["", f"## `{network.name}`", "", network.summary, "", "| setting | default | |", "|---|---|---|"]
        lines += list(_settings(network.config))
        if network.search:
            lines += ["", f"`search.space: auto` tries {', '.join(f'`{name}`' for name in network.search)}."]
    return "\n".join(lines) + "\n"


def _settings(section: type[Section]) -> Iterator[str]:
    told = _attributes(section.__doc__ or "")
    for name, field in section.model_fields.items():
        if name != "type":
            default = "required" if field.is_required() else field.get_default(call_default_factory=True)
            yield f"| `{name}` | {default} | {told.get(name, '')} |"


def _attributes(doc: str) -> dict[str, str]:
    """What a docstring says of each attribute."""
    _, _, part = doc.partition("Attributes:")
    return {name: " ".join(text.split()) for name, text in re.findall(r"(\w+): ((?:.|\n)*?)(?=\n\s+\w+: |\s*$)", part)}
