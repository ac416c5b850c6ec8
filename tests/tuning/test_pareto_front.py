"""The front has the trials that none beats; the best is the smallest of the nearly best."""

from __future__ import annotations

import random

import pytest

from pipeline.config.search import SearchConfig
from pipeline.tuning.pareto_front import choose_best, pareto_front
from pipeline.tuning.pareto_plot import pareto_plot
from pipeline.tuning.record import TrialRecord
from tests.support.figures import legend, rendered, said, words

TWO = SearchConfig(further_goals=["parameters"], pruner="none").goals
THREE = SearchConfig(metric="val_auc", further_goals=["parameters", "val_loss"], pruner="none").goals
ONE = SearchConfig().goals


def trial(number, value, parameters, **further) -> TrialRecord:
    state = "finished" if value is not None else "failed"
    known = {"parameters": float(parameters), **further} if value is not None else {}
    return TrialRecord(number, state, {}, value, known, parameters=parameters)


def numbers(records) -> list[int]:
    return [record.number for record in records]


def test_the_front_has_those_that_no_other_one_beats():
    records = [trial(0, 3.0, 10), trial(1, 1.0, 90), trial(2, 2.0, 50), trial(3, 2.5, 60), trial(4, None, 1)]
    assert numbers(pareto_front(records, TWO)) == [1, 2, 0]
    assert pareto_front([], TWO) == []


def test_of_trials_that_are_alike_the_first_counts():
    assert numbers(pareto_front([trial(1, 1.0, 5), trial(0, 1.0, 5), trial(2, 1.0, 6)], TWO)) == [0]


def test_goals_have_their_own_directions():
    records = [trial(0, 0.9, 10, val_loss=0.5), trial(1, 0.8, 10, val_loss=0.4), trial(2, 0.8, 10, val_loss=0.45)]
    assert [goal.maximizes for goal in THREE] == [True, False, False]
    assert numbers(pareto_front(records, THREE)) == [0, 1]


def test_the_front_is_what_its_definition_says():
    drawn = random.Random(3)
    records = [trial(n, drawn.randint(0, 8) / 8, drawn.randint(1, 9), val_loss=drawn.random()) for n in range(80)]
    losses = {r.number: (-r.reached, r.parameters, r.further["val_loss"]) for r in records}
    beaten = {
        n
        for n in losses
        for m in losses
        if losses[m] != losses[n] and all(a <= b for a, b in zip(losses[m], losses[n], strict=True))
    }
    front = numbers(pareto_front(records, THREE))
    assert sorted(front) == sorted(set(losses) - beaten)
    assert front == sorted(front, key=lambda n: losses[n][0])


@pytest.mark.parametrize(("tolerance", "best"), [(0.0, 1), (0.99, 1), (1.0, 2), (2.0, 0)])
def test_the_smallest_of_the_nearly_best_is_the_best(tolerance, best):
    records = [trial(0, 3.0, 10), trial(1, 1.0, 90), trial(2, 2.0, 50), trial(3, None, 1)]
    assert choose_best(records, ONE, tolerance).number == best
    assert choose_best(records, TWO, tolerance).number == best


def test_there_may_be_no_best():
    assert choose_best([trial(0, None, 1)], ONE, 1.0) is None and choose_best([], TWO, 0.0) is None


def test_a_trial_without_a_known_size_is_the_best_only_where_it_is_better():
    records = [TrialRecord(0, "finished", {}, 1.0), trial(1, 1.5, 10)]
    assert choose_best(records, ONE, 0.1).number == 0 and choose_best(records, ONE, 0.5).number == 1


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"further_goals": ["parameters"]}, "pruner median compares trials by one goal.*set pruner: none"),
        ({"further_goals": ["parameters"], "pruner": "none", "sampler": "cmaes"}, "allowed are tpe, random, grid"),
        ({"further_goals": ["val_loss"], "pruner": "none"}, "'val_loss' is given 2 times"),
        ({"further_goals": ["size"], "pruner": "none"}, "parameters"),
        ({"tolerance": -1}, "greater than or equal to 0"),
    ],
)
def test_goals_that_do_not_go_together_are_refused(search, said):
    with pytest.raises(ValueError, match=said):
        SearchConfig(**search)


@pytest.mark.parametrize("goals", [TWO, THREE])
def test_the_plot_shows_the_front_and_the_best(goals):
    drawn = random.Random(3)
    records = [trial(n, drawn.random(), drawn.randint(10, 90_000), val_loss=drawn.random()) for n in range(20)]
    front = pareto_front(records, goals)
    best = choose_best(records, goals, 0.1)
    figure = pareto_plot([*records, trial(20, None, 1)], front, best, goals=goals, title="$a: goals")
    assert len(figure.axes) == len(goals) - 1
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert legend(axes) == ["on the Pareto front", f"trial {best.number}, the best"]
    assert words(axes) == ([str(n) for n in numbers(front)] if len(front) <= 12 else [])
    assert f"{len(front)} trials on the Pareto front" in said(figure) and "21 trials: 20 finished, 1 failed." in said(
        figure
    )
    assert rendered(figure)


def test_one_trial_is_a_front():
    records = [trial(0, 1.0, 5)]
    assert rendered(pareto_plot(records, records, records[0], goals=TWO, title="a"))
