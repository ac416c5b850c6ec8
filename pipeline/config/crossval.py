"""How a cross-validation is carried out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.config.split import FoldConfig
from pipeline.schemas.section import Integer


class CrossvalConfig(FoldConfig):
    """How training and validation rows are divided into folds, and how these are gone through.

    Attributes:
        nested: whether `search.space` is searched within the training rows of each fold, by folds among them where
            `search.crossval` says so, else by the fold's validation rows; the fold is trained with what is found.
        parallel_folds: at a time, each on `train.workers` ranks of its own.
        compare_to: the `id` of an earlier cross-validation of the same rows and folds, which this one is compared with.
    """

    nested: bool = False
    parallel_folds: Annotated[Integer, Field(ge=1, le=256)] = 1
    compare_to: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
