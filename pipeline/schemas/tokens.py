"""Texts and ids with a meaning of their own, in stores and models alike."""

from __future__ import annotations

OUT_OF_VOCABULARY = 0
"""The id of what is unknown."""

NULL_TOKEN = "\x00null"
"""Stands for null in a vocabulary. It begins with NUL, which texts hardly ever hold; one that equals it counts as
null."""

CROSS_SEPARATOR = "\x1f"
"""Between the texts of a cross: ASCII's unit separator."""

TRUE, FALSE = ("TRUE", "true", "True"), ("FALSE", "false", "False")
"""Texts that are 1 and 0 in a numeric column."""
