"""A contour plot takes the two settings that matter, and draws a surface only where one was looked at."""

from __future__ import annotations

import pytest

from pipeline.tuning.contour import contour_plot, two_settings
from pipeline.tuning.record import TrialRecord
from tests.support.figures import legend, rendered, said, words
from tests.tuning.records import bowl, record


def drawn(records, names=("x", "y"), *, maximizes=False):
    return contour_plot(records, "val_loss", names=names, maximizes=maximizes, title="$iris: two settings")


def has_surface(figure) -> bool:
    return "straight between" in said(figure)


def test_the_two_most_important_settings_are_taken():
    records = [record(n, float(n), a=n, b=n, c=n) for n in range(3)]
    assert two_settings(records, {"c": 0.7, "a": 0.2, "b": 0.1}) == ("c", "a")
    assert two_settings(records, {}) == ("a", "b")


def test_settings_that_do_not_differ_or_stand_alone_are_left_out():
    records = [record(n, float(n), same=1, a=n, b=n % 2) for n in range(3)]
    assert two_settings(records, {"same": 0.9, "a": 0.1}) == ("a", "b")
    assert two_settings([record(n, float(n), a=n) for n in range(3)], {"a": 1.0}) is None
    apart = [record(n, float(n), **({"a": n} if n % 2 else {"b": n})) for n in range(4)]
    assert two_settings(apart, {}) is None
    assert two_settings([], {}) is None


def test_a_list_counts_by_its_parts_where_these_have_an_importance():
    records = [TrialRecord(n, "finished", {"model.hidden": [8 * (n + 1)] * (n % 2 + 1)}, 1.0) for n in range(4)]
    names = two_settings(records, {"model.hidden.0": 0.6, "model.hidden.length": 0.4})
    assert names == ("model.hidden.0", "model.hidden.length")
    assert rendered(drawn(records, names))


def test_numbers_get_a_surface_and_the_best_a_ring():
    records = bowl(30)
    figure = drawn(records)
    axes = figure.axes[0]
    assert has_surface(figure) and (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    best = min(records, key=lambda one: one.reached)
    assert f"trial {best.number}, the best of these" in legend(axes)
    (ring,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == pytest.approx((best.settings["x"], best.settings["y"]))
    assert rendered(figure)


def test_the_best_dot_is_the_darkest():
    for maximizes in (False, True):
        dots = drawn(bowl(12), maximizes=maximizes).axes[0].collections[-1]
        brightness = dots.get_facecolors()[:, :3].sum(axis=1)
        assert brightness.argmin() == 0 and brightness[0] < brightness[-1]


@pytest.mark.parametrize(
    "records",
    [
        bowl(7),
        [record(n, float(n), x=n, y=2 * n) for n in range(12)],
        [record(n, float(n), x=n % 3, y=n) for n in range(12)],
        [record(n, float(n), x="ab"[n % 2], y=n) for n in range(12)],
        [record(n, float(n), x=bool(n % 2), y=[8] * (n % 3)) for n in range(12)],
        [record(n, 1.0, x=n, y=n % 2) for n in range(2)],
        [record(0, 1.0, x=1, y=2)],
    ],
    ids=["few", "on a line", "few values", "names", "booleans and lists", "alike", "one"],
)
def test_there_is_no_surface_where_nothing_was_looked_at_between_trials(records):
    figure = drawn(records)
    assert not has_surface(figure)
    assert rendered(figure)


def test_trials_without_one_of_the_settings_are_left_out_and_pruned_ones_are_crosses():
    records = [*bowl(9), record(9, 0.0, x=0.5), record(10, None, x=0.5, y=0.5)]
    figure = drawn(records)
    axes = figure.axes[0]
    assert "pruned or failed" in legend(axes)
    assert len(axes.collections[-1].get_offsets()) == 9
    assert said(figure).endswith("10 trials: 9 finished, 1 pruned.")
    assert rendered(figure)


def test_no_trial_at_all_is_said():
    figure = drawn([record(0, None, x=1, y=1)])
    assert words(figure.axes[0]) == ["no trial with both settings finished"]
    assert rendered(figure)
