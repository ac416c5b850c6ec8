"""Restores the spelling that values of a data frame had in the source, because pandas changes it.

A source's `TRUE` comes out of pandas as True, `02134` as 2134, `98101` as 98101.0 if the column has a null, and Spark
writes 1e-05 as `1.0E-5`. So a value is looked up in the vocabulary under every spelling that it may have had, and then
by its numeric value. If no vocabulary has it, as for a column that is only hashed or used in expressions, it gets the
likeliest spelling: that of Python, and for times and booleans that of Spark.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.arrays.formatted_numbers import formatted_numbers_in
from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.schemas.text_reading import PLAIN, TextReading
from pipeline.schemas.tokens import FALSE, NULL_TOKEN, TRUE


class Categories:
    """The categories of one text column, from the vocabularies of the features that read it."""

    def __init__(self, vocabulary: Collection[str], markers: Collection[str]) -> None:
        """`vocabulary` holds the texts of all vocabularies, `markers` are texts that mean null."""
        self._markers = frozenset(markers)
        self._vocabulary = frozenset(vocabulary)
        self._by_number: dict[float, str] = {}
        for text in vocabulary:
            number = _number(text)
            if number is not None:
                self._by_number.setdefault(number, text)

    def text(self, value: Any) -> str:
        """The category of a value, or its likeliest spelling if no vocabulary has it; a text is returned unchanged."""
        if isinstance(value, str):
            return NULL_TOKEN if value.strip(" ") in self._markers else value
        if pd.isna(value):
            return NULL_TOKEN
        spellings = _spellings(value)
        category = next((text for text in spellings if text in self._vocabulary), None)
        if category is None and _is_number(value):
            category = self._by_number.get(float(value))
        return spellings[0] if category is None else category


def categories_of(state: FittedFeatures) -> dict[str, Categories]:
    """The categories of every raw text column."""
    names = [column.name for column in state.raw if column.type == "text"]
    vocabularies = {
        name: dict.fromkeys(text for one in state.of_texts for text in one.texts_of_column(name)) for name in names
    }
    return {name: Categories(texts, markers_of(state, name)) for name, texts in vocabularies.items()}


def markers_of(state: FittedFeatures, name: str) -> frozenset[str]:
    """The texts that mean null in a column."""
    return frozenset((*state.null_values, *reading_of(state, name).nulls))


def reading_of(state: FittedFeatures, name: str) -> TextReading:
    """How the texts of a column are read."""
    return state.readings.get(name, PLAIN)


def number_in(value: Any, markers: frozenset[str], reading: TextReading = PLAIN) -> Any:
    """The value of a cell of a numeric column: a text as Spark reads it, anything else unchanged."""
    if not isinstance(value, str):
        return value
    if value in TRUE or value in FALSE:
        return float(value in TRUE)
    text = value.strip(" ")
    if text in markers or text.lower() == "nan":
        return None
    if reading.has_plain_numbers:
        return text
    number = formatted_numbers_in(pa.array([text]), reading)[0].as_py()
    # Quoted, a text that is no number by its reading is none by any other, either.
    return f"'{text}'" if number is None else number


def _spellings(value: Any) -> tuple[str, ...]:
    """The spellings that a value other than text may have had in the source, the likeliest first."""
    if isinstance(value, (bool, np.bool_)):
        text = str(bool(value))
        return text.lower(), text, text.upper()
    if isinstance(value, datetime):
        return _timestamps(pd.Timestamp(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(value), str(int(value))
    return (str(value),)


def _timestamps(value: pd.Timestamp) -> tuple[str, ...]:
    """The spellings of a time as Spark writes it, in UTC and without trailing zeros, and of a date."""
    utc = value if value.tzinfo is None else value.tz_convert("UTC").tz_localize(None)
    text = str(utc)
    text = text.rstrip("0") if "." in text else text
    return text, text.removesuffix(" 00:00:00")


def _is_number(value: Any) -> bool:
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    """The numeric value of a text; None for NaN too, and for `1_000`, which only Python accepts as a number."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if np.isnan(number) or "_" in text else number
