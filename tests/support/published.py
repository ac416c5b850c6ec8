"""What a shipped configuration reaches on the split that published figures are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from pipeline.config import load_config
from pipeline.stages.run import run

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def reached_on_published_split(
    spark: SparkSession, folder: Path, repository: Path, file: Path, name: str, workers: int
) -> Mapping[str, float | None]:
    """Metrics of the test rows of scikit-learn's 80/20 split, random state 0; `folder` is for what is written."""
    settings = [
        f"storage.root={folder}",
        "track.enabled=false",
        f"train.workers={workers}",
        f"data.source.path={divided(file, folder / file.name)}",
        # Of houses sold twice, that split has one sale in training and the other in test.
        "data.key=[]",
        "split.method=column",
        "split.column=part",
        "split.values={train: train, validation: validation, test: test}",
        "split.fractions={train: 0.8, validation: 0.1, test: 0.1}",  # the defaults: the column decides
    ]
    return run(load_config(repository / "conf" / f"{name}.yaml", overrides=settings), spark=spark).evaluate.metrics


def divided(file: Path, out: Path) -> Path:
    """The file with a column `part` that tells the split; a tenth of the 80 is validation."""
    separator = "\t" if file.suffix == ".tsv" else ","
    rows = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
    train, test = train_test_split(np.arange(len(rows)), test_size=0.2, random_state=0)
    _, validation = train_test_split(train, test_size=0.1, random_state=0)
    part = np.full(len(rows), "train", object)
    part[test], part[validation] = "test", "validation"
    rows["part"] = part
    rows.to_csv(out, sep=separator, index=False)
    return out
