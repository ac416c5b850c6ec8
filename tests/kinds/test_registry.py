"""Each folder of a kind gives what engines ask of it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import pipeline.kinds
from pipeline.kinds.feature import NumberFeature, TextFeature
from pipeline.kinds.interfaces import Arrays, Layers, Numbers, Texts, arrays_of, layers_of
from pipeline.kinds.registry import feature_kinds
from tests.support import kinds

FEATURES = {feature.kind: feature for feature in kinds.every_kind().features}
KINDS = list(feature_kinds())
COMMON = {"text", "date"}
"""Folders that are no kinds of their own."""


def asked(*protocols: type) -> dict[str, list[str]]:
    """The functions of protocols with their parameters, `self` aside."""
    return {
        name: [*inspect.signature(function).parameters][1:]
        for protocol in protocols
        for name, function in vars(protocol).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }


def test_every_folder_is_a_kind():
    folders = {path.parent.name for path in Path(pipeline.kinds.__file__).parent.glob("*/__init__.py")}
    assert folders - COMMON == set(KINDS) == set(FEATURES)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_have_what_is_asked_for(kind):
    feature, module = FEATURES[kind], arrays_of(kind)
    wanted = asked(Arrays, Numbers if isinstance(feature, NumberFeature) else Texts)
    if isinstance(feature, TextFeature) or not feature.keeps_values:
        wanted.pop("source_values", None)
    found = {name: [*inspect.signature(getattr(module, name)).parameters] for name in wanted}
    assert found == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_layers_have_what_is_asked_for(kind):
    pytest.importorskip("keras")
    assert [*inspect.signature(layers_of(kind).serve).parameters] == asked(Layers)["serve"]
