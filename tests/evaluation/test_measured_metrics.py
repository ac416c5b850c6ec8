"""Every metric equals scikit-learn's on the same rows, in whatever parts they were counted; what rows do not define is
None, and what is computed of cells is off by no more than is told."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from pipeline.errors import ConfigError, TrainError
from pipeline.evaluation.accumulator import (
    Accumulator,
    AccumulatorSpec,
    accumulator_from_bytes,
    accumulator_to_bytes,
    merge_accumulators,
    probability_table,
)
from pipeline.evaluation.bootstrap_groups import GROUPS, groups_of
from pipeline.evaluation.class_report import calibration_of, classes_of, confusion_of, curves_of, thresholds_of
from pipeline.evaluation.extremes_report import extremes_of
from pipeline.evaluation.measured_metrics import check_further, compute_metrics
from pipeline.evaluation.plot_window import plot_window_of
from pipeline.evaluation.regression_report import regression_of
from pipeline.metrics import METRICS
from pipeline.schemas.decision import DecisionRule
from pipeline.schemas.label import LabelSpec

REGRESSION = LabelSpec(name="y", task="regression")


def labelled(classes: int) -> LabelSpec:
    names = tuple(f"class {c}" for c in range(classes))
    return LabelSpec(name="y", task="binary" if classes == 2 else "multiclass", classes=names)


@pytest.fixture(autouse=True)
def _no_warnings() -> None:
    warnings.simplefilter("error")
    # What other tests of this process left open may be collected meanwhile, MLflow's databases among it.
    warnings.simplefilter("ignore", ResourceWarning)


def counted(what: AccumulatorSpec, label, prediction, parts: int = 1) -> Accumulator:
    """The accumulator of rows in several parts, that went through a file."""
    rows = len(label)
    group = groups_of(0, 1, 0, rows) if what.groups > 1 else np.zeros(rows, np.int64)
    accumulators = [what.empty()]
    for place in np.array_split(np.arange(rows), parts):
        accumulator = what.accumulate(place, np.asarray(label)[place], np.asarray(prediction)[place], group[place])
        accumulators.append(accumulator_from_bytes(accumulator_to_bytes(accumulator)))
    return merge_accumulators(accumulators)


def softmax_problem(classes: int, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Class ids and a float32 softmax that leans towards the right class; some probabilities are tied."""
    generator = np.random.default_rng(seed + classes)
    ids = generator.integers(0, classes, rows)
    scores = np.round(generator.normal(size=(rows, classes)) + np.eye(classes)[ids], 2)
    table = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return ids, table.astype(np.float32)


def regression_by_sklearn(label, prediction) -> dict[str, float]:
    error = np.asarray(prediction, np.float64) - label
    return {
        "mae": sk.mean_absolute_error(label, prediction),
        "rmse": sk.root_mean_squared_error(label, prediction),
        "mse": sk.mean_squared_error(label, prediction),
        "r2": sk.r2_score(label, prediction),
        "mean_error": error.mean(),
        "mape": sk.mean_absolute_percentage_error(label, prediction),
        "median_error": np.median(error),
        "median_absolute_error": sk.median_absolute_error(label, prediction),
    }


def binary_by_sklearn(ids, positive, threshold: float = 0.5) -> dict[str, float]:
    chosen, nothing = (positive >= threshold).astype(int), {"zero_division": np.nan}
    specificity = sk.recall_score(1 - ids, 1 - chosen, **nothing)
    return {
        "accuracy": sk.accuracy_score(ids, chosen),
        "error_rate": 1 - sk.accuracy_score(ids, chosen),
        "null_error_rate": 1 - max(np.mean(ids), 1 - np.mean(ids)),
        "balanced_accuracy": sk.balanced_accuracy_score(ids, chosen),
        "log_loss": sk.log_loss(ids, positive, labels=[0, 1]),
        "brier": sk.brier_score_loss(ids, positive),
        "prevalence": np.mean(ids),
        "precision": sk.precision_score(ids, chosen, **nothing),
        "recall": sk.recall_score(ids, chosen, **nothing),
        "specificity": specificity,
        "false_positive_rate": 1 - specificity,
        "f1": sk.f1_score(ids, chosen, **nothing),
        "f2": sk.fbeta_score(ids, chosen, beta=2, **nothing),
        "f0.5": sk.fbeta_score(ids, chosen, beta=0.5, **nothing),
        "auc": sk.roc_auc_score(ids, positive),
        "average_precision": sk.average_precision_score(ids, positive),
    }


def several_by_sklearn(ids, table) -> dict[str, float]:
    chosen, k = table.argmax(axis=1), table.shape[1]
    every = {"labels": range(k), "zero_division": np.nan}
    return {
        "accuracy": sk.accuracy_score(ids, chosen),
        "balanced_accuracy": sk.balanced_accuracy_score(ids, chosen),
        "log_loss": sk.log_loss(ids, table, labels=range(k)),
        "brier": sk.brier_score_loss(ids, table, labels=range(k)),
        "precision_macro": sk.precision_score(ids, chosen, average="macro", **every),
        "recall_macro": sk.recall_score(ids, chosen, average="macro", **every),
        "f1_macro": sk.f1_score(ids, chosen, average="macro", **every),
        "f2_macro": sk.fbeta_score(ids, chosen, beta=2, average="macro", **every),
        "precision_weighted": sk.precision_score(ids, chosen, average="weighted", **every),
        "f1_weighted": sk.f1_score(ids, chosen, average="weighted", **every),
        "auc_micro": sk.roc_auc_score(np.eye(k)[ids].ravel(), table.ravel()),
        "average_precision_micro": sk.average_precision_score(np.eye(k)[ids].ravel(), table.ravel()),
    }


@pytest.mark.parametrize("parts", [1, 7])
def test_regression_equals_scikit_learn(parts: int) -> None:
    generator = np.random.default_rng(1)
    label = generator.normal(3e6, 2.0, 5000)
    prediction = (label + generator.standard_cauchy(5000)).astype(np.float32)
    found = compute_metrics(counted(AccumulatorSpec.of(REGRESSION), label, prediction, parts))
    assert found.metrics == pytest.approx(regression_by_sklearn(label, prediction), rel=1e-9)
    assert not found.error_bounds


def test_regression_of_many_rows_is_off_by_no_more_than_is_told() -> None:
    generator = np.random.default_rng(2)
    label = generator.lognormal(0.0, 3.0, 400_000)
    prediction = label * generator.lognormal(0.0, 0.3, 400_000)
    found = compute_metrics(
        counted(AccumulatorSpec.of(REGRESSION, groups=1), label, prediction, 5), with_intervals=False
    )
    expected = regression_by_sklearn(label, prediction)
    assert set(found.error_bounds) == {"median_error", "median_absolute_error"}
    for name, value in expected.items():
        assert found.metrics[name] == pytest.approx(value, rel=1e-9, abs=found.error_bounds.get(name, 0.0)), name
    assert found.error_bounds["median_absolute_error"] < 5e-4 * expected["median_absolute_error"]


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("threshold", [0.5, 0.31])
def test_two_classes_equal_scikit_learn(parts: int, threshold: float) -> None:
    ids, table = softmax_problem(2, 3000)
    positive = table[:, 1].astype(np.float64)
    what = AccumulatorSpec.of(labelled(2), decision=DecisionRule(threshold=threshold))
    found = compute_metrics(counted(what, ids, positive[:, None], parts))
    expected = binary_by_sklearn(ids, positive, threshold)
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert set(found.metrics) - set(expected) == {"calibration_error"}


@pytest.mark.parametrize("classes", [3, 10])
def test_several_classes_equal_scikit_learn(classes: int) -> None:
    ids, table = softmax_problem(classes, 2000)
    exact = probability_table(table, classes)
    found = compute_metrics(counted(AccumulatorSpec.of(labelled(classes)), ids, table, 3)).metrics
    expected = several_by_sklearn(ids, exact) | {
        "auc": sk.roc_auc_score(ids, exact, multi_class="ovr", average="macro"),
        "auc_weighted": sk.roc_auc_score(ids, exact, multi_class="ovr", average="weighted"),
        "average_precision": sk.average_precision_score(np.eye(classes)[ids], exact, average="macro"),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_one_missing_class_is_left_out_of_means() -> None:
    ids, table = softmax_problem(4, 600)
    ids[ids == 2] = 0
    exact = probability_table(table, 4)
    found = compute_metrics(counted(AccumulatorSpec.of(labelled(4)), ids, table, 2)).metrics
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of the class without rows
        expected = several_by_sklearn(ids, exact)
    present = [sk.roc_auc_score(ids == c, exact[:, c]) for c in (0, 1, 3)]
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["auc"] == pytest.approx(np.mean(present), abs=1e-12)


def test_areas_of_many_scores_are_off_by_no_more_than_is_told() -> None:
    generator = np.random.default_rng(3)
    ids = generator.integers(0, 2, 300_000)
    positive = 1 / (1 + np.exp(-(generator.normal(size=300_000) * 8 + ids)))
    found = compute_metrics(counted(AccumulatorSpec.of(labelled(2), groups=1), ids, positive, 4), with_intervals=False)
    for name, value in (
        ("auc", sk.roc_auc_score(ids, positive)),
        ("average_precision", sk.average_precision_score(ids, positive)),
    ):
        assert 0 < abs(found.metrics[name] - value) <= found.error_bounds[name] < 1e-3


def test_areas_of_many_scores_of_several_classes_are_off_by_no_more_than_is_told() -> None:
    ids, table = softmax_problem(3, 100_000)
    table = probability_table(table + np.random.default_rng(0).uniform(0, 1e-3, table.shape), 3)
    found = compute_metrics(counted(AccumulatorSpec.of(labelled(3), groups=1), ids, table, 2), with_intervals=False)
    true = np.eye(3)[ids]
    expected = {
        "auc": sk.roc_auc_score(true, table),
        "auc_weighted": sk.roc_auc_score(true, table, average="weighted"),
        "auc_micro": sk.roc_auc_score(true.ravel(), table.ravel()),
        "average_precision": sk.average_precision_score(true, table),
        "average_precision_micro": sk.average_precision_score(true.ravel(), table.ravel()),
    }
    assert set(found.error_bounds) == set(expected)
    for name, value in expected.items():
        assert abs(found.metrics[name] - value) <= found.error_bounds[name] < 2e-3, name


def test_parts_give_the_same_bits_in_the_same_order() -> None:
    ids, table = softmax_problem(3, 500)
    what = AccumulatorSpec.of(labelled(3))
    assert compute_metrics(counted(what, ids, table, 4)) == compute_metrics(counted(what, ids, table, 4))


@pytest.mark.parametrize("label", [[0.1], [0.1, 0.1, 0.1]])
def test_r2_of_a_constant_label_is_undefined(label: list[float]) -> None:
    found = compute_metrics(counted(AccumulatorSpec.of(REGRESSION), label, np.array(label) + 1)).metrics
    assert found["r2"] is None
    assert found["mae"] == 1.0


def test_percentage_errors_of_zero_are_undefined() -> None:
    found = compute_metrics(counted(AccumulatorSpec.of(REGRESSION), [0.0, 1.0], [1.0, 2.0])).metrics
    assert found["mape"] is None
    assert found["mae"] == 1.0


@pytest.mark.parametrize("classes", [2, 3])
def test_one_class_only_has_no_areas(classes: int) -> None:
    ids, table = np.full(30, 1), softmax_problem(classes, 30)[1]
    accumulator = counted(AccumulatorSpec.of(labelled(classes)), ids, table[:, 1] if classes == 2 else table, 2)
    found = compute_metrics(accumulator)
    assert found.metrics["auc"] is None
    assert found.metrics["log_loss"] is not None
    assert "auc" not in found.intervals
    assert curves_of(labelled(classes), accumulator)[-1].auc is None
    assert len(thresholds_of(accumulator)) == (101 if classes == 2 else 0)


@pytest.mark.parametrize("spec", [REGRESSION, labelled(2), labelled(3)])
def test_no_rows_define_nothing(spec: LabelSpec) -> None:
    what = AccumulatorSpec.of(spec)
    found = compute_metrics(what.empty())
    assert set(found.metrics.values()) == {None}
    assert found.intervals == {}
    assert extremes_of(what, what.empty()).worst == ()


def test_a_row_alone() -> None:
    found = compute_metrics(counted(AccumulatorSpec.of(labelled(2)), [1], [0.8]))
    assert found.metrics["accuracy"] == found.metrics["recall"] == 1.0
    assert found.metrics["specificity"] is None
    assert found.metrics["log_loss"] == pytest.approx(-np.log(0.8))


@pytest.mark.parametrize("classes", [2, 3])
def test_certain_probabilities_are_clipped_as_scikit_learn_does(classes: int) -> None:
    table = np.eye(classes, dtype=np.float32)[[0, 1, 1]]
    ids = np.array([0, 1, 0])
    found = compute_metrics(
        counted(AccumulatorSpec.of(labelled(classes)), ids, table[:, 1] if classes == 2 else table)
    ).metrics
    assert found["log_loss"] == pytest.approx(sk.log_loss(ids, table.astype(np.float64), labels=range(classes)))


def test_confusion_and_classes_equal_scikit_learn() -> None:
    ids, table = softmax_problem(5, 400)
    chosen = table.argmax(axis=1)
    accumulator = counted(AccumulatorSpec.of(labelled(5)), ids, table, 3)
    assert confusion_of(labelled(5), accumulator).counts == tuple(map(tuple, sk.confusion_matrix(ids, chosen).tolist()))
    precision, recall, f1, rows = sk.precision_recall_fscore_support(ids, chosen)
    found = classes_of(labelled(5), accumulator)
    assert [one.rows for one in found] == rows.tolist()
    assert [one.precision for one in found] == pytest.approx(precision)
    assert [one.recall for one in found] == pytest.approx(recall)
    assert [one.f1 for one in found] == pytest.approx(f1)
    assert [one.auc for one in found] == pytest.approx(sk.roc_auc_score(np.eye(5)[ids], table, average=None))


def test_either_of_two_classes_has_its_areas() -> None:
    ids, table = softmax_problem(2, 400)
    found = classes_of(labelled(2), counted(AccumulatorSpec.of(labelled(2)), ids, table[:, 1]))
    positive = table[:, 1].astype(np.float64)
    assert found[0].auc == pytest.approx(sk.roc_auc_score(ids == 0, 1 - positive))
    assert found[0].average_precision == pytest.approx(sk.average_precision_score(ids == 0, 1 - positive))


def test_curves_lie_on_scikit_learns() -> None:
    ids, table = softmax_problem(2, 5000)
    positive = table[:, 1]
    (curve,) = curves_of(labelled(2), counted(AccumulatorSpec.of(labelled(2)), ids, positive, 3))
    fpr, tpr, _ = sk.roc_curve(ids, positive, drop_intermediate=False)
    points = set(zip(fpr.tolist(), tpr.tolist(), strict=True))
    assert len(curve.roc.x) > 150
    assert set(zip(curve.roc.x, curve.roc.y, strict=True)) <= points
    assert (curve.roc.x[0], curve.roc.y[0], curve.roc.x[-1], curve.roc.y[-1]) == (0, 0, 1, 1)
    precision, recall, _ = sk.precision_recall_curve(ids, positive)
    assert set(zip(curve.pr.x, curve.pr.y, strict=True)) <= set(zip(recall, precision, strict=True))
    best = np.argsort(-positive, kind="stable")
    share, lift = curve.lift.x[0], curve.lift.y[0]
    assert lift == pytest.approx(ids[best[: round(share * 5000)]].mean() / ids.mean())
    assert curve.lift.y[-1] == pytest.approx(1.0)


def test_thresholds_equal_counts() -> None:
    ids, table = softmax_problem(2, 500)
    rows = thresholds_of(counted(AccumulatorSpec.of(labelled(2)), ids, table[:, 1], 3))
    assert [row.threshold for row in rows] == np.linspace(0, 1, 101).tolist()
    for row in rows[::9]:
        expected = binary_by_sklearn(ids, table[:, 1].astype(np.float64), row.threshold)
        for name in ("precision", "recall", "specificity", "false_positive_rate", "f1", "accuracy"):
            value = getattr(row, name)
            assert value is None if np.isnan(expected[name]) else value == pytest.approx(expected[name]), name


def test_calibration_by_hand() -> None:
    what = AccumulatorSpec.of(labelled(2))
    found = calibration_of(labelled(2), counted(what, [1, 0, 1, 0], [0.92, 0.94, 0.16, 1.0]))
    assert [(part.low, part.high, part.rows, part.observed) for part in found.bins] == [
        (0.15, 0.2, 1, 1.0),
        (0.9, 0.95, 2, 0.5),
        (0.95, 1.0, 1, 0.0),
    ]
    assert found.error == pytest.approx((0.84 + 2 * 0.43 + 1.0) / 4)
    assert (found.of, found.worst) == ("class 1", pytest.approx(1.0))


def test_intervals_are_those_of_drawn_rows() -> None:
    """As many rows as there are groups are drawn one by one; scikit-learn weighs them."""
    generator = np.random.default_rng(5)
    label = generator.normal(size=300)
    prediction = label + generator.normal(size=300)
    found = compute_metrics(counted(AccumulatorSpec.of(REGRESSION), label, prediction, 3)).intervals
    weights = np.random.default_rng(20).poisson(1.0, size=(500, GROUPS))[:, :300]
    for name, metric in (("mae", sk.mean_absolute_error), ("r2", sk.r2_score), ("mse", sk.mean_squared_error)):
        drawn = [metric(label, prediction, sample_weight=weight) for weight in weights]
        assert found[name] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), rel=1e-9), name


@pytest.mark.parametrize("rows", [800, 20_000])
def test_intervals_of_areas_are_as_wide_as_those_of_drawn_rows(rows: int) -> None:
    ids, table = softmax_problem(3, rows)
    exact = probability_table(table, 3)
    found = compute_metrics(counted(AccumulatorSpec.of(labelled(3)), ids, table)).intervals["auc"]
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(100):
        chosen = generator.integers(0, rows, rows)
        drawn.append(sk.roc_auc_score(ids[chosen], exact[chosen], multi_class="ovr"))
    assert found[1] - found[0] == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.3)


def test_medians_have_intervals_as_wide_as_those_of_drawn_rows() -> None:
    generator = np.random.default_rng(6)
    label, error = np.zeros(2000), generator.normal(5.0, 1.0, 2000)
    low, high = compute_metrics(counted(AccumulatorSpec.of(REGRESSION), label, error)).intervals["median_error"]
    drawn = [np.median(generator.choice(error, 2000)) for _ in range(200)]
    assert high - low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.3)
    assert low < np.median(error) < high


def test_extremes_come_with_their_rows_whatever_the_parts() -> None:
    label = np.zeros(100)
    error = np.where(np.arange(100) % 2, -1.0, 1.0) * np.arange(100)
    what = AccumulatorSpec.of(REGRESSION)
    ends = extremes_of(what, counted(what, label, error, 9))
    assert [row.row_id for row in ends.worst] == list(range(99, 89, -1))
    assert [row.error for row in ends.worst[:2]] == [-99.0, 98.0]
    assert [row.row_id for row in ends.best] == list(range(10))


def test_extremes_of_classes_are_the_surest_mistakes() -> None:
    what = AccumulatorSpec.of(labelled(3))
    table = [[0.1, 0.8, 0.1], [0.98, 0.01, 0.01], [0.3, 0.3, 0.4]]
    ends = extremes_of(what, counted(what, [1, 2, 2], table))
    assert [(row.row_id, row.label, row.prediction) for row in ends.worst[:1]] == [(1, "class 2", "class 0")]
    assert ends.worst[0].probability == pytest.approx(0.01)
    assert ends.worst[0].error == pytest.approx(-np.log(0.01))
    assert ends.best[0].row_id == 0


def test_ties_at_the_ends_are_broken_by_the_row() -> None:
    what = AccumulatorSpec.of(REGRESSION)
    order = np.random.default_rng(0).permutation(200)
    accumulators = [what.accumulate(part, np.zeros(len(part)), np.ones(len(part))) for part in np.array_split(order, 7)]
    ends = extremes_of(what, merge_accumulators(accumulators))
    assert [row.row_id for row in ends.worst] == list(range(10))


def test_grids_and_histograms_hold_every_row_once() -> None:
    generator = np.random.default_rng(7)
    label = generator.normal(50.0, 10.0, 20_000)
    prediction = label + generator.normal(0.0, 2.0, 20_000)
    prediction[:3] = 1e9
    window = plot_window_of(label[:1000])
    what = AccumulatorSpec(REGRESSION, DecisionRule(), window)
    found = regression_of(counted(what, label, prediction, 4), window.edges, log=window.log)
    assert sum(found.errors.counts) == 20_000
    assert found.errors.above >= 3
    for grid in (found.predicted_over_actual, found.error_over_predicted):
        assert sum(map(sum, grid.counts)) + grid.outside == 20_000
        assert grid.outside < 500
    expected, _, _ = np.histogram2d(prediction, label, bins=[window.edges, window.edges])
    assert np.array_equal(found.predicted_over_actual.counts, expected.astype(int))
    edges = found.errors.edges
    inside = np.histogram(np.clip(prediction - label, edges[0], edges[-1]), bins=edges)[0]
    assert np.abs(np.array(found.errors.counts) - inside).sum() <= 20
    assert found.quantiles["0.5"] == pytest.approx(np.median(prediction - label), rel=1e-3)


def test_diverged_network_is_named() -> None:
    with pytest.raises(TrainError, match="2 of 3 predictions are not finite numbers: the network diverged"):
        counted(AccumulatorSpec.of(REGRESSION), [1, 2, 3], [1.0, np.nan, np.inf])
    with pytest.raises(TrainError, match="1 of 2 predictions"):
        counted(AccumulatorSpec.of(labelled(3)), [0, 1], [[0.5, 0.5, 0.0], [np.nan, 0.5, 0.0]])


def test_probabilities_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 probabilities a row do not fit 4 classes"):
        probability_table(np.ones((2, 3)), 4)


def test_metrics_that_are_measured_anyway_may_be_named_too() -> None:
    """Each once, by all names that the configuration allows; what does not fit the label is named."""
    numbers = counted(AccumulatorSpec.of(REGRESSION), [1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    classes = counted(AccumulatorSpec.of(labelled(2)), [0, 1, 1], [0.1, 0.8, 0.4])
    for accumulator, has_classes in ((numbers, False), (classes, True)):
        named = [name for name, metric in METRICS.entries.items() if metric.is_measured_for(classes=has_classes)]
        measured = compute_metrics(accumulator).metrics
        assert set(named) <= set(measured)
        assert compute_metrics(accumulator, further=named).metrics == measured
    with pytest.raises(ConfigError) as caught:
        check_further(["accuracy", "mae", "auc"], classes=False)
    assert "'accuracy' cannot be measured for labels that are numbers" in str(caught.value)
    assert "'auc' cannot be measured" in str(caught.value)
    assert "'mae'" not in str(caught.value)
    assert set(METRICS.names) == {
        name for name, m in METRICS.entries.items() if m.is_measured_for(classes=True) or m.fits_numbers
    }
