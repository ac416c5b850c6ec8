"""Fields of a configuration that name entries of registries, or objects of the user's own.

A reference is imported when the configuration is checked, so that a mistake is reported with all others, before any
work begins. A configuration at rest is read without that: who scores with a model needs no loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AfterValidator, ValidationInfo

from pipeline.registry import REFERENCE, Registry

AT_REST: Mapping[str, bool] = {"at_rest": True}
"""The context by which pydantic validates a configuration without importing what it refers to."""


def entry_of(registry: Registry[Any], *also: str) -> AfterValidator:
    """The validator of a field that holds a name of a registry, one of `also`, or a reference that can be imported."""

    def checked(name: str, info: ValidationInfo) -> str:
        if registry.check(name, *also) not in also and is_imported(info):
            registry.resolve(name)
        return name

    return AfterValidator(checked)


def stays_unresolved(name: str, info: ValidationInfo) -> bool:
    """Whether a name is a reference in a configuration at rest, so that nothing is asked of what it names."""
    return REFERENCE.fullmatch(name) is not None and not is_imported(info)


def is_imported(info: ValidationInfo) -> bool:
    """Whether references are imported while this content is validated."""
    return not (info.context or {}).get("at_rest", False)
