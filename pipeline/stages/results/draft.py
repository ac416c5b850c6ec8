"""The results of init and describe."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.schemas.document import Document


class InitResult(Document):
    """A configuration that was written.

    Attributes:
        config: its file.
        rows: number of rows of the source.
        features: the columns that become features.
        left_out: why others do not, by name.
        seconds: the duration of the job.
    """

    config: str
    rows: int
    features: tuple[str, ...]
    left_out: Mapping[str, str]
    seconds: float = 0.0


class DescribeResult(Document):
    """A page about a source.

    Attributes:
        page: the file.
        rows: number of rows of the source.
        columns: number of columns.
        duplicates: rows of the sample that equal an earlier one.
        sample_rows: number of rows in the sample.
        left_out: why columns are no features by default, by name.
        seconds: the duration of the job.
    """

    page: str
    rows: int
    columns: int
    duplicates: int
    sample_rows: int
    left_out: Mapping[str, str]
    seconds: float = 0.0
