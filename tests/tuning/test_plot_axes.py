"""Settings find their places on an axis."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from pipeline.tuning.plot_axes import are_numbers, axis_positions, shares


@pytest.mark.parametrize(
    ("values", "numbers"), [([1, 2.5], True), ([True, False], False), (["a"], False), ([1, "a"], False), ([], False)]
)
def test_what_a_number_is(values, numbers):
    assert are_numbers(values) == numbers


def test_shares_are_by_logarithm_where_values_are_wide():
    assert shares([0, 5, 10]) == [0.0, 0.5, 1.0]
    assert shares([0.001, 0.1, 0.01]) == pytest.approx([0.0, 1.0, 0.5])
    assert shares([3, 3]) == [0.0, 0.0]


@pytest.mark.parametrize("axis", ["x", "y"])
def test_an_axis_has_numbers_or_names(axis):
    axes = Figure().subplots()
    assert axis_positions(axes, ["tanh", "relu", "tanh"], axis) == [1.0, 0.0, 1.0]
    ruler = axes.xaxis if axis == "x" else axes.yaxis
    assert [label.get_text() for label in ruler.get_ticklabels()] == ["relu", "tanh"]
    other = Figure().subplots()
    assert axis_positions(other, [1, 1000], axis) == [1.0, 1000.0]
    assert (other.get_xscale(), other.get_yscale()) == (("log", "linear") if axis == "x" else ("linear", "log"))
