"""Formats in which a trained model is exported besides its Keras file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from pipeline.schemas.section import OneOrMore, Section

REFUSED = {
    "onnx": "its converter has no operation for the look-up of texts, and brings libraries that exclude ours",
    "tflite": "its runtime here has no float64 and no texts, so what is converted cannot be verified",
}


def _refuse(value: Any) -> Any:
    """A reason says more than a list of what is allowed."""
    if isinstance(value, str) and value in REFUSED:
        raise ValueError(f"{value} is not possible: {REFUSED[value]}. Allowed: saved_model")
    return value


Format = Annotated[Literal["saved_model"], BeforeValidator(_refuse)]


class ExportConfig(Section):
    """What is written besides the Keras file.

    Attributes:
        formats: `saved_model` is TensorFlow's, for TensorFlow Serving and for languages other than Python.
    """

    formats: Annotated[tuple[Format, ...], OneOrMore] = ()
