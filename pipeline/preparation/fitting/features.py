"""Fitting: from statistics, samples and counts of training rows to the plain numbers of `FeatureState`.

    [pass 1] moments of every number, counts of every text, samples -> FeatureState

and, only where a feature asks for them, one more pass each: a larger sample, moments of values that were clipped or
shaped as the sample says, and sums of the label by category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from pipeline.arrays.moments import Moments
from pipeline.arrays.values import Values
from pipeline.kinds.feature import NumberFeature, TextFeature
from pipeline.kinds.mapped.sums import Sums
from pipeline.kinds.plan import FeaturePlan, NumericPlan
from pipeline.kinds.registry import arrays_of
from pipeline.kinds.scaled.arrays import shaped
from pipeline.kinds.scaled.curve import Curve
from pipeline.kinds.scaled.fit import fit_curve
from pipeline.kinds.statistics import NumberStatistics, TextStatistics
from pipeline.preparation.fitting.label_sums import sum_labels
from pipeline.preparation.rows.fold_roles import WHOLE, Division
from pipeline.preparation.rows.label_values import network_label
from pipeline.preparation.rows.table import Table
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.survey.column_statistics import Measured, measure, regrouped, train_moments
from pipeline.preparation.survey.feature_inputs import raw_numbers
from pipeline.preparation.survey.sample import Sample, take_samples
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
    def curves(self) -> dict[str, Curve]:
        """What becomes of each feature's numbers before they are scaled."""
        return {
            feature.name: fit_curve(feature.group, self.values.get(feature.source, NO_VALUES))
            for feature in self.plan.numeric
            if feature.kind == "scaled"
        }

    def features(self, curved: Mapping[str, Moments]) -> tuple[NumberFeature, ...]:
        """The fitted features, in the order of the plan.

        Args:
            curved: moments of what was clipped or shaped.
        """
        return tuple(arrays_of(plan.kind).fit(plan, self._statistics(plan, curved)) for plan in self.plan.numeric)

    def _statistics(self, plan: NumericPlan, curved: Mapping[str, Moments]) -> NumberStatistics:
        moments = self.moments[plan.source]
        sample, curve = self.values.get(plan.source, NO_VALUES), self.curves.get(plan.name, Curve())
        return NumberStatistics(moments, sample, curve, curved.get(plan.name, moments))


def fit_numeric(
    fits: Sequence[NumericFit], table: Table, division: Division = WHOLE
) -> tuple[tuple[NumberFeature, ...], ...]:
    """Features made of numbers, of each fold.

    Args:
        fits: what is known of each fold.
        table: typed rows, for moments of what was clipped or shaped.
        division: the folds.
    """
    moments = _curved_moments(fits, table, division)
    return tuple(fit.features(curved) for fit, curved in zip(fits, moments, strict=True))


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


def fit_texts(fits: Sequence[TextFit], table: Table, division: Division = WHOLE) -> tuple[tuple[TextFeature, ...], ...]:
    """Features made of texts, of each fold.

    Args:
        fits: what is known of each fold.
        table: typed rows, for sums of the label.
        division: the folds.
    """
    means = {
        feature.name: feature.sources for fit in fits for feature in fit.plan.categorical if feature.group.needs_sums
    }
    labels = [fit.label for fit in fits]
    sums = sum_labels(table, means, lambda rows: [network_label(label, rows.typed) for label in labels], division)
    return tuple(fit.features(own) for fit, own in zip(fits, sums, strict=True))


def samples_of(
    table: Table, names: tuple[str, ...], train_rows: Sequence[int], division: Division = WHOLE
) -> tuple[Sample, ...]:
    """Values of some numbers of training rows, of each fold."""
    return take_samples(table, names, raw_numbers, train_rows, division)


def _curved_moments(fits: Sequence[NumericFit], table: Table, division: Division) -> list[dict[str, Moments]]:
    """Of values that were clipped or shaped by what each fold's own sample told, in one query."""
    wanted = {
        f"{number}:{feature.name}": (feature.source, fit.curves[feature.name])
        for number, fit in enumerate(fits)
        for feature in fit.plan.numeric
        if feature.group.needs_curved_moments
    }
    if not wanted:
        return [{} for _ in fits]

    def measures(rows: Rows) -> dict[str, pa.Array]:
        return {name: pa.array(shaped(rows.typed.values[source], curve)) for name, (source, curve) in wanted.items()}

    found = measure(table, measures, division.column)
    return [train_moments(regrouped(_of_fold(found, number), fold.roles)) for number, fold in enumerate(division.folds)]


def _of_fold(found: Measured, number: int) -> Measured:
    start = f"{number}:"
    return {name.removeprefix(start): groups for name, groups in found.items() if name.startswith(start)}
