"""Fits features, from statistics, samples and counts of training rows to the plain numbers of `FittedFeatures`.

    [pass 1] moments of every number, counts of every text, samples -> FittedFeatures

Only where the kind of a feature needs them (`Needs`), there is one more pass each for a larger sample, for moments of
transformed numbers, whose transform is fitted to the sample, and for sums of the label by text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from pipeline.arrays.moments import Moments
from pipeline.arrays.values import Values, finite_numbers
from pipeline.kinds.feature import NumberFeature, TextFeature
from pipeline.kinds.interfaces import arrays_of, number_arrays_of
from pipeline.kinds.label_sums import Sums
from pipeline.kinds.plan import FeaturePlan, NumericPlan
from pipeline.kinds.statistics import NumberStatistics, TextStatistics, Transform
from pipeline.preparation.fitting.label_sums import sum_labels
from pipeline.preparation.rows.fold_roles import WHOLE, FoldAssignment
from pipeline.preparation.rows.label_values import network_label
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.column_statistics import Measured, measure, regrouped, train_moments
from pipeline.preparation.statistics.feature_inputs import raw_numbers
from pipeline.preparation.statistics.sample import Sample, take_samples
from pipeline.schemas.label import LabelSpec

NO_VALUES: Values = np.zeros(0)


@dataclass(frozen=True)
class NumericFit:
    """What the numbers of a fold are fitted to.

    Attributes:
        plan: all features.
        moments: moments of each raw or derived number in its training rows.
        sample: a sample of its training rows, with the columns of `sampled_numbers`.
    """

    plan: FeaturePlan
    moments: Mapping[str, Moments]
    sample: Sample

    @cached_property
    def values(self) -> dict[str, Values]:
        """The finite values of each number of the sample, ascending."""
        return {name: self.sample.finite(name) for name in self.sample.numbers}

    @cached_property
    def transforms(self) -> dict[str, Transform | None]:
        """The transform of each feature's numbers, before they are scaled."""
        return {
            feature.name: number_arrays_of(feature.kind).transform(feature.group, self._sample_of(feature))
            for feature in self.plan.numeric
        }

    def features(self, transformed: Mapping[str, Moments]) -> tuple[NumberFeature, ...]:
        """The fitted features, in the order of the plan.

        Args:
            transformed: moments of the transformed numbers, by feature.
        """
        return tuple(arrays_of(plan.kind).fit(plan, self._statistics(plan, transformed)) for plan in self.plan.numeric)

    def _statistics(self, plan: NumericPlan, transformed: Mapping[str, Moments]) -> NumberStatistics:
        moments = self.moments[plan.source]
        return NumberStatistics(
            moments=moments,
            sample=self._sample_of(plan),
            transform=self.transforms[plan.name],
            transformed=transformed.get(plan.name, moments),
        )

    def _sample_of(self, plan: NumericPlan) -> Values:
        return self.values.get(plan.source, NO_VALUES)


def fit_numeric(
    fits: Sequence[NumericFit], table: Table, assignment: FoldAssignment = WHOLE
) -> tuple[tuple[NumberFeature, ...], ...]:
    """The fitted features of numbers, of each fold.

    Args:
        fits: statistics of each fold.
        table: typed rows, for moments of transformed numbers.
        assignment: the folds.
    """
    moments = _transformed_moments(fits, table, assignment)
    return tuple(fit.features(transformed) for fit, transformed in zip(fits, moments, strict=True))


@dataclass(frozen=True)
class TextFit:
    """What the texts of a fold are fitted to.

    Attributes:
        plan: all features.
        counts: counts of each feature's values in its training rows, see `Counts.categories`.
        slots: the most values of a training row, for each multi-valued feature.
        label: the fitted label.
    """

    plan: FeaturePlan
    counts: Mapping[str, tuple[tuple[str, int], ...]]
    slots: Mapping[str, int]
    label: LabelSpec

    def features(self, sums: Mapping[str, Sums]) -> tuple[TextFeature, ...]:
        """The fitted features, in the order of the plan.

        Args:
            sums: sums of the label, by feature.
        """
        return tuple(
            arrays_of(plan.kind).fit(plan, self._statistics(plan.name, sums)) for plan in self.plan.categorical
        )

    def _statistics(self, name: str, sums: Mapping[str, Sums]) -> TextStatistics:
        return TextStatistics(self.counts.get(name, ()), self.slots.get(name, 1), sums.get(name))


def fit_texts(
    fits: Sequence[TextFit], table: Table, assignment: FoldAssignment = WHOLE
) -> tuple[tuple[TextFeature, ...], ...]:
    """The fitted features of texts, of each fold.

    Args:
        fits: statistics of each fold.
        table: typed rows, for sums of the label.
        assignment: the folds.
    """
    means = {
        feature.name: feature.sources for fit in fits for feature in fit.plan.categorical if feature.needs.label_sums
    }
    labels = [fit.label for fit in fits]
    sums = sum_labels(table, means, lambda rows: [network_label(label, rows.typed) for label in labels], assignment)
    return tuple(fit.features(fold_sums) for fit, fold_sums in zip(fits, sums, strict=True))


def samples_of(
    table: Table, names: tuple[str, ...], train_rows: Sequence[int], assignment: FoldAssignment = WHOLE
) -> tuple[Sample, ...]:
    """Samples of some numbers, for each fold."""
    return take_samples(table, names, raw_numbers, train_rows, assignment)


def _transformed_moments(
    fits: Sequence[NumericFit], table: Table, assignment: FoldAssignment
) -> list[dict[str, Moments]]:
    """Moments of numbers, each fold with the transforms that are fitted to its own sample; in one query."""
    transforms = {
        f"{number}:{feature.name}": (feature.source, transform)
        for number, fit in enumerate(fits)
        for feature in fit.plan.numeric
        if feature.needs.transformed and (transform := fit.transforms[feature.name]) is not None
    }
    if not transforms:
        return [{} for _ in fits]

    def measures(rows: Rows) -> dict[str, pa.Array]:
        values = rows.typed.values
        with np.errstate(all="ignore"):
            return {
                name: pa.array(transform.array(finite_numbers(values[source])))
                for name, (source, transform) in transforms.items()
            }

    measured = measure(table, measures, assignment.column)
    return [
        train_moments(regrouped(_of_fold(measured, number), fold.roles)) for number, fold in enumerate(assignment.folds)
    ]


def _of_fold(measured: Measured, number: int) -> Measured:
    prefix = f"{number}:"
    return {name.removeprefix(prefix): groups for name, groups in measured.items() if name.startswith(prefix)}
