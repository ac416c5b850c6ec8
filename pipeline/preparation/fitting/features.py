"""Fitting: from statistics, samples and counts of training rows to the plain numbers of `FittedFeatures`.

    [pass 1] moments of every number, counts of every text, samples -> FittedFeatures

and, only where the kind of a feature needs them (`Needs`), one more pass each: a larger sample, moments of numbers that
were transformed as the sample says, and sums of the label by text.
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
from pipeline.kinds.label_sums import Sums
from pipeline.kinds.plan import FeaturePlan, NumericPlan
from pipeline.kinds.registry import arrays_of, number_arrays_of
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
    """What a fold's numbers are fitted from.

    Attributes:
        plan: all features.
        moments: of each raw or derived number in its training rows.
        sample: of its training rows, with the columns of `sampled_numbers`.
    """

    plan: FeaturePlan
    moments: Mapping[str, Moments]
    sample: Sample

    @cached_property
    def values(self) -> dict[str, Values]:
        """The finite values of the sample, ascending."""
        return {name: self.sample.finite(name) for name in self.sample.numbers}

    @cached_property
    def transforms(self) -> dict[str, Transform | None]:
        """What becomes of each feature's numbers before they are scaled."""
        return {
            feature.name: number_arrays_of(feature.kind).transform(feature.group, self._sample_of(feature))
            for feature in self.plan.numeric
        }

    def features(self, transformed: Mapping[str, Moments]) -> tuple[NumberFeature, ...]:
        """The fitted features, in the order of the plan.

        Args:
            transformed: moments of transformed numbers, by feature.
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
    """Features made of numbers, of each fold.

    Args:
        fits: what is known of each fold.
        table: typed rows, for moments of transformed numbers.
        assignment: the folds.
    """
    moments = _transformed_moments(fits, table, assignment)
    return tuple(fit.features(transformed) for fit, transformed in zip(fits, moments, strict=True))


@dataclass(frozen=True)
class TextFit:
    """What a fold's texts are fitted from.

    Attributes:
        plan: all features.
        counts: of each feature's values in its training rows, as `count_values` gives them.
        slots: of each multi-valued feature, how many values a training row has at most.
        label: the fitted label.
    """

    plan: FeaturePlan
    counts: Mapping[str, tuple[tuple[str, int], ...]]
    slots: Mapping[str, int]
    label: LabelSpec

    def features(self, sums: Mapping[str, Sums]) -> tuple[TextFeature, ...]:
        """The fitted features, in the order of the plan.

        Args:
            sums: of the label, by feature.
        """
        return tuple(
            arrays_of(plan.kind).fit(plan, self._statistics(plan.name, sums)) for plan in self.plan.categorical
        )

    def _statistics(self, name: str, sums: Mapping[str, Sums]) -> TextStatistics:
        return TextStatistics(self.counts.get(name, ()), self.slots.get(name, 1), sums.get(name))


def fit_texts(
    fits: Sequence[TextFit], table: Table, assignment: FoldAssignment = WHOLE
) -> tuple[tuple[TextFeature, ...], ...]:
    """Features made of texts, of each fold.

    Args:
        fits: what is known of each fold.
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
    """Values of some numbers of training rows, of each fold."""
    return take_samples(table, names, raw_numbers, train_rows, assignment)


def _transformed_moments(
    fits: Sequence[NumericFit], table: Table, assignment: FoldAssignment
) -> list[dict[str, Moments]]:
    """Of numbers that each fold transforms as its own sample says, in one query."""
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
