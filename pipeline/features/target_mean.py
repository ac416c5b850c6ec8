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
from pyspark.sql import Column, DataFrame, Row

from pipeline.contract.columns import ROW_ID
from pipeline.contract.features import NULL_TOKEN, MappedFeature
from pipeline.data.division import WHOLE, Division, Fold
from pipeline.data.split import salted
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


def sum_labels(
    rows: DataFrame, texts: Mapping[str, Column], labels: Sequence[Column], seed: int, division: Division = WHOLE
) -> tuple[dict[str, Sums], ...]:
    """Run the query, over the training rows of all folds; there is none where no column is asked for.

    Args:
        rows: typed rows with the column of groups.
        texts: strings by name.
        labels: doubles, as the network of each fold sees them.
        seed: of the parts within the training rows.
        division: the folds.
    """
    if not texts:
        return tuple({} for _ in division.folds)
    names = list(texts)
    pairs = F.array(
        *(
            F.struct(F.lit(i).alias("column"), F.coalesce(text, F.lit(NULL_TOKEN)).alias("value"))
            for i, text in enumerate(texts.values())
        )
    )
    group, own = F.col(division.column), [label.alias(f"label{i}") for i, label in enumerate(labels)]
    # Not a filter, see `vocabulary.py`.
    training = F.explode(F.when(group.isin(*division.trained_on), pairs)).alias("pair")
    long = rows.select(fold_of_row(seed).alias("part"), group.alias("group"), *own, training)
    sums = [F.sum(f"label{i}").alias(f"sum{i}") for i in range(len(labels))]
    found = long.groupBy("pair.column", "pair.value", "part", "group").agg(*sums, F.count("label0").alias("count"))
    answers = sorted(found.collect(), key=lambda row: (row["column"], row["value"], row["group"]))
    return tuple(_sums(answers, names, number, fold) for number, fold in enumerate(division.folds))


def _sums(answers: Sequence[Row], names: Sequence[str], number: int, fold: Fold) -> dict[str, Sums]:
    parts: dict[str, dict[str, tuple[list[float], list[int]]]] = {name: {} for name in names}
    for row in answers:
        times = fold.train.get(row["group"], 0)
        if times:
            sums, counts = parts[names[row["column"]]].setdefault(row["value"], ([0.0] * FOLDS, [0] * FOLDS))
            sums[row["part"]] += times * (row[f"sum{number}"] or 0.0)
            counts[row["part"]] += times * row["count"]
    return {
        name: {value: LabelSums(tuple(sums), tuple(counts)) for value, (sums, counts) in values.items()}
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
