"""How a cross-validation is carried out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.config.split import FoldConfig
from pipeline.schemas.section import Integer


class CrossvalConfig(FoldConfig):
    """How training and validation rows are divided into folds, and how the folds are trained.

    Attributes:
        nested: whether each fold is trained with the best settings of a search of `search.space` of its own, which sees
            the fold's training rows only: by inner folds with `search.crossval`, else by the fold's validation rows.
        parallel_folds: folds that are trained at a time, each on `train.workers` ranks of its own.
        compare_to: the `id` of an earlier cross-validation of the same rows and folds to compare this one with.
    """

    nested: bool = False
    parallel_folds: Annotated[Integer, Field(ge=1, le=256)] = 1
    compare_to: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
