"""One or two settings with a few values each become a table that marks the best."""

from __future__ import annotations

import itertools

import pytest

from pipeline.config.search import SearchConfig
from pipeline.tuning.comparison import compared_values, comparison_plot, digits_of
from pipeline.tuning.record import TrialRecord
from tests.support.figures import rendered, said, words

ACTIVATION, OPTIMIZER, RATE = "model.activation", "train.optimizer.name", "train.optimizer.learning_rate"
SPACE = {ACTIVATION: {"choice": ["relu", "tanh", "elu"]}, OPTIMIZER: {"choice": ["sgd", "adam"]}}


def searched(space=None, **more) -> SearchConfig:
    return SearchConfig(space=space or SPACE, **{"sampler": "grid", "pruner": "none", **more})


def trial(number, value, settings, state="finished") -> TrialRecord:
    return TrialRecord(number, state, settings, value if state == "finished" else None)


def pairs(values) -> list[TrialRecord]:
    named = itertools.product(SPACE[ACTIVATION]["choice"], SPACE[OPTIMIZER]["choice"])
    return [trial(n, v, {ACTIVATION: a, OPTIMIZER: o}) for n, (v, (a, o)) in enumerate(zip(values, named, strict=True))]


def drawn(config, records, *, maximizes=False):
    options = compared_values(config, records)
    return comparison_plot(records, "val_mae", options=options, maximizes=maximizes, title="$a: comparison")


def frame_of(axes) -> tuple[float, float]:
    (frame,) = axes.patches
    return frame.get_x() + 0.5, frame.get_y() + 0.5


def test_values_stand_in_the_order_of_the_configuration_and_those_that_were_not_tried_are_left_out():
    records = pairs([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert compared_values(searched(), records) == {ACTIVATION: ["relu", "tanh", "elu"], OPTIMIZER: ["sgd", "adam"]}
    assert compared_values(searched(), records[:2]) == {ACTIVATION: ["relu"], OPTIMIZER: ["sgd", "adam"]}


@pytest.mark.parametrize(
    ("space", "search", "found"),
    [
        ({**SPACE, RATE: {"choice": [0.1]}}, {}, [ACTIVATION, OPTIMIZER]),
        ({**SPACE, RATE: {"loguniform": [0.1, 1.0]}}, {"sampler": "random"}, [ACTIVATION, OPTIMIZER]),
        ({ACTIVATION: SPACE[ACTIVATION], RATE: {"choice": [0.1]}}, {}, [ACTIVATION, RATE]),
        ({ACTIVATION: SPACE[ACTIVATION], RATE: {"choice": [0.1]}}, {"sampler": "random"}, [ACTIVATION]),
        ({RATE: {"loguniform": [0.1, 1.0]}}, {"sampler": "random"}, []),
        ({**SPACE, "train.loss": {"choice": ["mse", "mae"]}}, {}, []),
    ],
)
def test_which_settings_are_compared(space, search, found):
    settings = {ACTIVATION: "relu", OPTIMIZER: "sgd", RATE: 0.1, "train.loss": "mse"}
    record = trial(0, 1.0, {name: settings[name] for name in space})
    assert [*compared_values(searched(space, **search), [record])] == found


def test_too_many_values_are_no_table():
    space = {RATE: {"int": [1, 1000]}}
    assert compared_values(searched(space), [trial(n, 1.0, {RATE: n}) for n in range(1, 40)]) == {}


@pytest.mark.parametrize(("maximizes", "best"), [(False, (1, 0)), (True, (0, 2))])
def test_cells_have_their_values_and_the_best_is_framed(maximizes, best):
    figure = drawn(searched(), pairs([5.0, 1.0, 2.0, 3.0, 9.0, 4.0]), maximizes=maximizes)
    axes = figure.axes[0]
    assert words(axes) == ["5.00", "1.00", "2.00", "3.00", "9.00", "4.00"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["relu", "tanh", "elu"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["sgd", "adam"]
    assert frame_of(axes) == best
    assert rendered(figure)


def test_a_table_that_is_turned_has_the_same_cells():
    space = {OPTIMIZER: SPACE[OPTIMIZER], ACTIVATION: SPACE[ACTIVATION]}
    records = [trial(r.number, r.value, dict(reversed(r.settings.items()))) for r in pairs([5.0, 1, 2, 3, 9, 4])]
    axes = drawn(searched(space), records).axes[0]
    assert words(axes) == ["5.00", "1.00", "2.00", "3.00", "9.00", "4.00"] and frame_of(axes) == (1, 0)


def test_the_best_of_several_counts_and_what_did_not_end_is_said():
    space = {**SPACE, RATE: {"choice": [0.1, 1.0]}}
    at = {ACTIVATION: "relu", OPTIMIZER: "sgd"}
    records = [
        trial(0, 4.0, {**at, RATE: 0.1}),
        trial(1, 3.0, {**at, RATE: 1.0}),
        trial(2, None, {**at, ACTIVATION: "tanh", RATE: 0.1}, "failed"),
    ]
    figure = drawn(searched(space), records)
    assert words(figure.axes[0]) == ["3.00", "failed"]
    assert said(figure) == "The best trial counts where several have the same values. 3 trials: 2 finished, 1 failed."
    assert rendered(figure)


def test_one_setting_is_a_line_of_dots_a_value():
    space = {ACTIVATION: {"choice": ["relu", "tanh", [8, "$x$"]]}, RATE: {"uniform": [0, 1]}}
    records = [trial(n, float(n), {ACTIVATION: ["tanh", "relu", [8, "$x$"]][n % 3]}) for n in range(7)]
    figure = drawn(searched(space, sampler="random"), records)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "relu\n2 trials",
        "tanh\n3 trials",
        "8-$x$\n2 trials",
    ]
    best = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_markersize() == 8]
    assert best == [(1.0, 0), (0.0, 1), (2.0, 2)]
    assert len({line.get_color() for line in axes.lines if line.get_markersize() == 8}) == 2
    assert rendered(figure)


@pytest.mark.parametrize("space", [SPACE, {ACTIVATION: SPACE[ACTIVATION]}])
def test_nothing_that_ended_is_said(space):
    settings = {ACTIVATION: "relu", OPTIMIZER: "sgd"}
    figure = drawn(searched(space), [trial(0, None, {name: settings[name] for name in space}, "failed")])
    assert words(figure.axes[0]) == ["no trial finished"]
    assert rendered(figure)


@pytest.mark.parametrize(
    ("values", "digits"), [([59_780, 55_283], 0), ([0.9231, 0.9189], 5), ([1.0, 1.0], 2), ([0.0, 0.0], 2), ([1, 90], 1)]
)
def test_cells_have_the_digits_that_tell_them_apart(values, digits):
    assert digits_of(values) == digits
