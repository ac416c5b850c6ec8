"""Values of a data frame as the source had them, which pandas spells in its own way.

A source's `TRUE` comes out of pandas as True, `02134` as 2134, `98101` as 98101.0 where a null is in the column, and
Spark writes 1e-05 as `1.0E-5`. A value is therefore looked for in the vocabulary under every spelling that it may
have had, and then by what it is worth.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from pipeline.contract.features import FALSE, NULL_TOKEN, TRUE, VocabularyFeature


class Categories:
    """What the values of one categorical column are called in its vocabulary."""

    def __init__(self, feature: VocabularyFeature, markers: frozenset[str]) -> None:
        """`markers` are texts that mean null."""
        self._markers = markers
        self._known = frozenset(feature.vocabulary)
        self._by_number: dict[float, str] = {}
        for text in feature.vocabulary:
            number = _number(text)
            if number is not None:
                self._by_number.setdefault(number, text)

    def text(self, value: Any) -> str:
        """The value's text in the vocabulary, or one that is not in it; text itself is taken as it is."""
        if isinstance(value, str):
            return NULL_TOKEN if value.strip(" ") in self._markers else value
        if pd.isna(value):
            return NULL_TOKEN
        known = next((text for text in _spellings(value) if text in self._known), None)
        if known is None and _is_number(value):
            known = self._by_number.get(float(value))
        return str(value) if known is None else known


def number_in(value: Any, markers: frozenset[str]) -> Any:
    """What a cell of a numeric column holds, where it is text, as Spark reads it; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value in TRUE or value in FALSE:
        return float(value in TRUE)
    text = value.strip(" ")
    return None if text in markers or text.lower() == "nan" else text


def _spellings(value: Any) -> tuple[str, ...]:
    """Texts that a value which is no text may come from, likelier ones first."""
    if isinstance(value, (bool, np.bool_)):
        text = str(bool(value))
        return text.lower(), text, text.upper()
    if isinstance(value, datetime):
        return _moments(pd.Timestamp(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(value), str(int(value))
    return (str(value),)


def _moments(value: pd.Timestamp) -> tuple[str, ...]:
    """As Spark writes a time, in UTC and without zeros at the end of its fraction, or a date."""
    utc = value if value.tzinfo is None else value.tz_convert("UTC").tz_localize(None)
    text = str(utc)
    text = text.rstrip("0") if "." in text else text
    return text, text.removesuffix(" 00:00:00")


def _is_number(value: Any) -> bool:
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    """What a text is worth; None also for NaN, and for `1_000`, which only Python takes for a number."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if np.isnan(number) or "_" in text else number
