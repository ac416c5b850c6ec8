"""What a feature plan needs of all rows, to be collected in one pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.arrays.masks import missing_of
from pipeline.kinds.plan import CategoricalPlan, FeaturePlan
from pipeline.kinds.text.arrays import text_of, values_of
from pipeline.preparation.rows.fold_roles import WHOLE, FoldAssignment
from pipeline.preparation.rows.typed_rows import Rows
from pipeline.preparation.statistics.value_counter import Category, Counter


def sampled_numbers(plan: FeaturePlan) -> tuple[str, ...]:
    """The numbers of which features need a sample."""
    return tuple(dict.fromkeys(feature.source for feature in plan.numeric if feature.needs.sample))


def category_columns(plan: FeaturePlan) -> dict[str, Category]:
    """The texts whose values are counted, by feature."""
    return {
        feature.name: Category(feature.sources, feature.group.max_categories, feature.group.separator)
        for feature in plan.categorical
        if feature.needs.counts
    }


def counter_of(plan: FeaturePlan, assignment: FoldAssignment = WHOLE) -> Counter:
    """The counter of the values of all texts, and of the classes of the label."""
    return Counter(category_columns(plan), assignment, classes=True)


def slot_columns(plan: FeaturePlan) -> dict[str, CategoricalPlan]:
    """The multi-valued features, by name."""
    return {feature.name: feature for feature in plan.categorical if feature.group.separator is not None}


def slot_counts(feature: CategoricalPlan, rows: Rows) -> pa.Array:
    """The number of values of each of n rows, float64 [n]; null where the text is null."""
    assert feature.group.separator is not None
    text = text_of(rows.typed.values, feature.sources)
    counts = values_of(text, feature.group.separator).counts.astype(np.float64)
    return pa.array(counts, mask=missing_of(text))


def raw_numbers(rows: Rows) -> Mapping[str, pa.Array]:
    """Raw and derived columns [n] by name."""
    return rows.typed.values
