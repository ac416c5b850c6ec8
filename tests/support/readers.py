"""Sources read by Spark, where tasks would read them themselves: what the tests of the latter compare with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def read_by_spark() -> Iterator[None]:
    """Sources that are opened in the block are read by Spark."""
    with patch("pipeline.preparation.reading.source_reader.reason_for_spark", return_value="the tests ask for it"):
        yield
