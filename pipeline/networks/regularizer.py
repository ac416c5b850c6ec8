"""The regularizer of a network's kernels, for networks that take one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.regularizers import REGULARIZERS
from pipeline.schemas.references import entry_of
from pipeline.schemas.section import Number, Section


class RegularizerConfig(Section):
    """What the loss grows by for the size of kernels.

    Attributes:
        name: an entry of `pipeline/regularizers`, or `package.module:name` of the user's own.
        weight: of it in the loss.
    """

    name: Annotated[str, entry_of(REGULARIZERS)]
    weight: Annotated[Number, Field(gt=0.0)] = 0.01

    def build(self) -> Any:
        """The Keras regularizer."""
        return REGULARIZERS.get(self.name).build(self.weight)


def _section(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


RegularizerSetting = Annotated[RegularizerConfig | None, BeforeValidator(_section)]
"""The type of a network's field `regularizer`: a section, or a name alone."""


def regularizer_space(model: Any) -> dict[str, Any]:
    """What `search.space: auto` tries of the regularizer that the content of a section `model` names, if any.

    Raises:
        ValueError: there is no such regularizer.
    """
    content = _section(model.get("regularizer")) if isinstance(model, Mapping) else None
    if not isinstance(content, Mapping) or "name" not in content:
        return {}
    return {"model.regularizer.weight": REGULARIZERS.resolve(str(content["name"])).search}
