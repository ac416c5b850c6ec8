"""Folds are drawn with their mean and its interval, their curves, and their differences from another model."""

from __future__ import annotations

import math

import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pipeline.evaluation.comparison import compare
from pipeline.evaluation.folds import CrossvalReport, summarize
from pipeline.report.plots.fold_curves import fold_curves
from pipeline.report.plots.folds import fold_metrics, paired_differences
from tests.support.figures import rendered, said, words
from tests.support.folds import crossval, fold, house_prices


def dots(axes: Axes, marker: str = "o") -> list[tuple[float, float]]:
    lines = [line for line in axes.lines if line.get_marker() == marker]
    return [(x, y) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def band(axes: Axes) -> tuple[float, float] | None:
    """The interval, if it is drawn."""
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    return (found[0].get_y(), found[0].get_y() + found[0].get_height()) if found else None


def level(axes: Axes) -> float:
    """The dashed line."""
    (line,) = (line for line in axes.lines if line.is_dashed() and line.get_linewidth() == 1.4)
    return float(line.get_ydata()[0])


def with_histories(*histories: dict[str, tuple[float, ...]], best: int = 1) -> CrossvalReport:
    scores = tuple(fold(n, {"mae": 1.0}, history=history, best_epoch=best) for n, history in enumerate(histories))
    report = crossval({"mae": (1.0,) * len(histories)})
    return summarize(report.model_copy(update={"scores": scores}))


def test_each_headline_has_a_panel_with_a_dot_a_fold() -> None:
    report = crossval({"mae": (2.0, 3.0, 4.0), "other": (1.0,) * 3, "rmse": (5.0, 6.0, 8.0)})
    figure = fold_metrics(report, title="house prices")
    rmse, mae = figure.axes
    assert [axes.get_title(loc="left") for axes in (rmse, mae)] == ["RMSE", "MAE"]
    assert dots(mae) == [(0, 2.0), (1, 3.0), (2, 4.0)]
    assert level(mae) == 3.0
    assert mae.get_title(loc="right") == "3"
    assert band(mae) == pytest.approx(report.intervals["mae"])
    assert said(figure) == (
        "A dot a fold. Dashed: the mean. Grey: its 95 % interval, which allows for training rows that folds share."
    )
    assert rendered(figure)


def test_repeats_are_told_apart() -> None:
    figure = fold_metrics(house_prices(5, 2))
    full, hollow = (line for line in figure.axes[0].lines if line.get_marker() == "o")
    assert list(full.get_xdata()) == [0, 1, 2, 3, 4]
    assert list(hollow.get_xdata()) == [5, 6, 7, 8, 9]
    assert full.get_markerfacecolor() != hollow.get_markerfacecolor()
    assert "Dotted lines part repeats" in said(figure)
    assert rendered(figure)


def test_undefined_folds_are_crosses() -> None:
    figure = fold_metrics(crossval({"rmse": (2.0, None, math.inf), "mae": (None,) * 3}))
    rmse, mae = figure.axes
    assert dots(rmse) == [(0, 2.0)]
    assert [x for x, _ in dots(rmse, "x")] == [1, 2]
    assert [x for x, _ in dots(mae, "x")] == [0, 1, 2]
    assert "Crosses: not defined in this fold." in said(figure)
    assert rendered(figure)


def test_wide_interval_leaves_the_dots_apart() -> None:
    """Two folds have an interval of some 30 times their distance."""
    figure = fold_metrics(crossval({"rmse": (100.0, 101.0)}))
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    assert low < 100.0
    assert 101.0 < high < low + 6.0
    assert band(axes)[0] < low
    assert "wider than it" in said(figure)
    assert "wider than it" not in said(fold_metrics(house_prices(5)))


def test_fold_far_off_is_seen() -> None:
    figure = fold_metrics(crossval({"rmse": (2.0, 2.1, 2.2, 90.0, 2.3)}))
    low, high = figure.axes[0].get_ylim()
    assert low < 2.0
    assert high > 90.0
    assert rendered(figure)


def test_ticks_of_a_narrow_range_differ() -> None:
    figure = fold_metrics(crossval({"auc": (0.9201, 0.9204, 0.9203)}, task="binary"))
    rendered(figure)
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(set(ticks)) == len(ticks) > 2


@pytest.mark.parametrize("report", [house_prices(1), house_prices(10, 10), crossval({"other": (1.0,) * 3})])
def test_any_number_of_folds_and_metrics_is_drawn(report: CrossvalReport) -> None:
    assert rendered(fold_metrics(report))
    assert rendered(fold_curves(report))
    assert rendered(paired_differences(compare(report, report)))


def test_curves_have_a_line_a_fold_and_their_mean() -> None:
    figure = fold_curves(
        with_histories(
            {"loss": (9.0, 9.0), "val_loss": (4.0, 2.0), "val_mae": (1.0, 1.0)},
            {"loss": (9.0, 9.0, 9.0), "val_loss": (6.0, 3.0, 1.0), "val_mae": (1.0, 1.0, 2.0)},
            best=2,
        )
    )
    loss, mae = figure.axes
    assert [axes.get_title(loc="left") for axes in (loss, mae)] == ["Loss", "MAE"]
    thin = [list(line.get_ydata()) for line in loss.lines if line.get_linewidth() == 0.9]
    assert thin == [[4.0, 2.0], [6.0, 3.0, 1.0]]
    assert dots(loss) == [(2, 2.0), (2, 3.0)]
    (mean,) = (line for line in loss.lines if line.get_linewidth() == 2.0)
    assert list(mean.get_xdata()) == [1, 2, 3]
    assert list(mean.get_ydata()) == pytest.approx([5.0, 2.5, math.nan], nan_ok=True)
    heights = {round(y, 6) for _, y in loss.collections[0].get_paths()[0].vertices}
    assert heights == {round(value, 6) for x in ((5.0, 2.0), (2.5, 1.0)) for value in spread(*x)}
    assert said(figure).startswith(
        "Validation rows of 2 folds: a thin line each, a dot where weights were kept. Orange:"
    )
    assert rendered(figure)


def spread(mean: float, distance: float) -> tuple[float, float]:
    """Mean less and plus the deviation of two values."""
    return mean - distance / math.sqrt(2.0), mean + distance / math.sqrt(2.0)


def test_diverged_curves_have_gaps() -> None:
    figure = fold_curves(
        with_histories({"val_loss": (1e6, math.inf, 1.0)}, {"val_loss": (1e5, 2.0, math.nan)}, {"val_loss": ()})
    )
    assert figure.axes[0].get_yscale() == "log"
    assert rendered(figure)
    assert words(fold_curves(with_histories({"val_loss": (math.nan,)})).axes[0]) == ["no finite value"]


def test_missing_histories_are_said() -> None:
    figure = fold_curves(with_histories({"loss": (1.0,)}))
    assert words(figure.axes[0]) == ["no history of validation rows"]
    assert said(figure) == ""
    assert rendered(figure)


def test_differences_are_drawn_around_zero() -> None:
    first, second = crossval({"rmse": (2.0, 3.0, 4.0)}), crossval({"rmse": (2.5, 3.2, 4.1)})
    comparison = compare(first, second, names=("$wide", "narrow"))
    figure = paired_differences(comparison)
    (axes,) = figure.axes
    assert [y for _, y in dots(axes)] == pytest.approx([-0.5, -0.2, -0.1])
    assert level(axes) == pytest.approx(-0.8 / 3)
    assert band(axes) == pytest.approx(comparison.metrics["rmse"].interval)
    low, high = axes.get_ylim()
    assert low < -0.5 < 0.0 < high
    assert axes.get_ylabel() == "$wide \N{MINUS SIGN} narrow"
    assert words(axes) == ["narrow better ↑", "$wide better ↓"]
    assert axes.get_title(loc="right") == f"-0.2667, p = {comparison.metrics['rmse'].p_value:.2g}"
    assert said(figure).startswith(comparison.sentence)
    assert rendered(figure)


def test_better_is_above_zero_where_larger_is_better() -> None:
    comparison = compare(crossval({"r2": (0.2, 0.3)}), crossval({"r2": (0.1, 0.1)}), names=("wide", "narrow"))
    assert words(paired_differences(comparison).axes[0]) == ["wide better ↑", "narrow better ↓"]


def test_only_folds_of_both_are_drawn() -> None:
    second = crossval({"rmse": (2.0, 3.0, 4.0)})
    second = summarize(second.model_copy(update={"scores": second.scores[1:]}))
    figure = paired_differences(compare(crossval({"rmse": (1.0, 2.0, None)}), second))
    assert dots(figure.axes[0]) == [(1, -1.0)]
    assert [x for x, _ in dots(figure.axes[0], "x")] == [2]
    assert rendered(figure)
