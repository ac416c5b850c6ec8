"""The label's mean of each category, smoothed, and out-of-fold for training rows.

A training row must not see its own label through its category's mean, or the network learns to trust a column that
tells nothing of new rows. Training rows are therefore put into folds by a hash of their key, and each gets the means
over the other folds (Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD 2001;
cross-fitted as scikit-learn's TargetEncoder does it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from pipeline.contract.columns import ROW_ID
from pipeline.contract.features import NULL_TOKEN, MappedFeature
from pipeline.data.split import SPLIT, TRAIN, salted
from pipeline.features.statistics import rounded

FOLDS = 5


@dataclass(frozen=True)
class LabelSums:
    """Sum of the label and number of rows, of each fold."""

    sums: tuple[float, ...]
    counts: tuple[int, ...]

    def mean(self, prior: float, smoothing: float, without: int | None = None) -> float:
        """Drawn towards `prior` as if by `smoothing` more rows; `prior` itself where there is no row."""
        kept = [fold for fold in range(FOLDS) if fold != without]
        total, count = sum(self.sums[fold] for fold in kept), sum(self.counts[fold] for fold in kept)
        return prior if count + smoothing == 0.0 else (total + smoothing * prior) / (count + smoothing)


Sums = Mapping[str, LabelSums]
"""By category; null is `NULL_TOKEN`."""


def fold_of_row(seed: int) -> Column:
    """Int: the fold of a row; rows of one key share it."""
    return F.pmod(salted("target_mean", seed, F.col(ROW_ID)), F.lit(FOLDS)).cast("int")


def sum_labels(rows: DataFrame, texts: Mapping[str, Column], label: Column, seed: int) -> dict[str, Sums]:
    """Run the query, over training rows; there is none where no column is asked for.

    Args:
        rows: typed rows.
        texts: strings by name.
        label: a double, as the network sees it.
        seed: of the folds.
    """
    if not texts:
        return {}
    names = list(texts)
    pairs = F.array(
        *(
            F.struct(F.lit(i).alias("column"), F.coalesce(text, F.lit(NULL_TOKEN)).alias("value"))
            for i, text in enumerate(texts.values())
        )
    )
    # Not a filter, see `vocabulary.py`.
    training = F.explode(F.when(F.col(SPLIT) == TRAIN, pairs)).alias("pair")
    long = rows.select(fold_of_row(seed).alias("fold"), label.alias("label"), training)
    found = long.groupBy("pair.column", "pair.value", "fold").agg(
        F.sum("label").alias("sum"), F.count("label").alias("count")
    )
    parts: dict[str, dict[str, tuple[list[float], list[int]]]] = {name: {} for name in names}
    for row in found.collect():
        sums, counts = parts[names[row["column"]]].setdefault(row["value"], ([0.0] * FOLDS, [0] * FOLDS))
        sums[row["fold"]], counts[row["fold"]] = row["sum"] or 0.0, row["count"]
    return {
        name: {value: LabelSums(tuple(sums), tuple(counts)) for value, (sums, counts) in sorted(values.items())}
        for name, values in parts.items()
    }


def fit_target_mean(
    name: str, sources: tuple[str, ...], vocabulary: Sequence[str], sums: Sums, smoothing: float
) -> MappedFeature:
    """The feature; values that are not in `vocabulary` get the mean of all rows."""
    everything = LabelSums(
        tuple(sum(value.sums[fold] for value in sums.values()) for fold in range(FOLDS)),
        tuple(sum(value.counts[fold] for value in sums.values()) for fold in range(FOLDS)),
    )
    prior = everything.mean(0.0, 0.0)
    priors = [everything.mean(prior, 0.0, without=fold) for fold in range(FOLDS)]
    return MappedFeature(
        name=name,
        sources=sources,
        vocabulary=tuple(vocabulary),
        values=tuple(rounded(sums[value].mean(prior, smoothing), 1.0) for value in vocabulary),
        default=rounded(prior, 1.0),
        folds=tuple(
            tuple(rounded(sums[value].mean(priors[fold], smoothing, without=fold), 1.0) for value in vocabulary)
            for fold in range(FOLDS)
        ),
    )
