"""A capacity search grows while that helps and shrinks while that does no harm, as the trials so far tell it to."""

from __future__ import annotations

import itertools
import math
import random
import threading

import pytest

from pipeline.config.load import parse_config
from pipeline.config.search import SearchConfig
from pipeline.config.search_space import HIDDEN, ParameterConfig
from pipeline.errors import ConfigError
from pipeline.tuning.capacity import Bounds, Step, capacity_progress, losses_of, params_of, progress_of, steps_table
from pipeline.tuning.record import TrialRecord
from pipeline.tuning.space import suggest
from pipeline.tuning.study import open_study

BOUNDS = Bounds(depth=(1, 3), width=(4, 64))
SPACE = {HIDDEN: {"list": [1, 3], "of": {"int": [4, 64], "log": True}}}


def searched(loss, bounds=BOUNDS, *, tolerance=0.0):
    """Search to the end; the progress, and networks in the order in which they were tried."""
    losses = {}
    while wanted := progress_of(losses, bounds, tolerance).wanted:
        losses |= {hidden: loss(hidden) for hidden in wanted}
    return progress_of(losses, bounds, tolerance), [*losses]


def taken(progress) -> list[tuple[int, ...]]:
    return [step.taken for step in progress.steps if step.taken]


def test_bounds_are_those_of_the_space():
    assert Bounds.of(ParameterConfig(list=[1, 3], of={"int": [4, 64], "step": 4})) == Bounds((1, 3), (4, 64), 4)
    assert BOUNDS.smallest == (4,)


@pytest.mark.parametrize(
    ("hidden", "larger", "smaller"),
    [
        ((4,), ((8,), (4, 4)), ()),
        ((32, 32), ((64, 64), (32, 32, 32)), ((24, 24), (32,))),
        ((48,), ((64,), (48, 48)), ((36,),)),
        ((64, 64, 64), (), ((48, 48, 48), (64, 64))),
    ],
)
def test_neighbours_stay_within_bounds(hidden, larger, smaller):
    assert (BOUNDS.larger(hidden), BOUNDS.smaller(hidden)) == (larger, smaller)


def test_widths_keep_the_step():
    bounds = Bounds(depth=(1, 1), width=(10, 100), step=20)
    assert [bounds.larger((30,)), bounds.larger((90,)), bounds.smaller((90,)), bounds.smaller((30,))] == [
        ((50,),), (), ((50,),), ((10,),)
    ]  # fmt: skip


def test_it_grows_while_that_helps_and_then_shrinks_while_that_does_no_harm():
    progress, tried = searched(lambda hidden: max(20 - hidden[0], 0) + 0.1 * len(hidden))
    assert taken(progress) == [(4,), (8,), (16,), (32,), (24,)]
    assert [step.kind for step in progress.steps] == ["start", *["grow"] * 5, "shrink", "shrink"]
    assert progress.steps[4:6] == (Step("grow", ((64,), (32, 32))), Step("grow", ((64, 64),)))
    assert progress.steps[-1].tried == ((18,),)
    assert len(tried) == len(set(tried))


def test_one_step_of_growth_without_success_may_be_chance_and_two_are_not():
    rough = {(4,): 1.0, (8,): 1.1, (16,): 0.5, (32,): 0.8, (64,): 0.7}
    assert (16,) in taken(searched(lambda hidden: rough.get(hidden, 2.0))[0])
    rougher = {(4,): 1.0, (8,): 1.1, (16,): 1.2, (32,): 0.5}
    assert taken(searched(lambda hidden: rougher.get(hidden, 2.0))[0]) == [(4,)]


def test_depth_is_taken_where_it_helps_more():
    progress, _ = searched(lambda hidden: 10.0 / len(hidden) - 0.001 * hidden[0])
    assert taken(progress)[:3] == [(4,), (4, 4), (4, 4, 4)]


def test_the_tolerance_ends_growth_sooner_and_lets_more_be_taken_off():
    def loss(hidden):
        return 1.0 / sum(hidden)

    assert sum(taken(searched(loss)[0])[-1]) == 3 * 64, "the larger the better"
    grown = [step.taken for step in searched(loss, tolerance=0.03)[0].steps if step.kind == "grow" and step.taken]
    assert grown == [(8,), (16,), (32,)], "nothing is 0.03 better than 1/32"
    assert 1 / 32 < loss(taken(searched(loss, tolerance=0.03)[0])[-1]) <= 1 / 32 + 0.03


def test_many_small_losses_do_not_add_up():
    progress, _ = searched(lambda hidden: -math.log2(hidden[0]), Bounds((1, 1), (4, 64)), tolerance=0.9)
    assert taken(progress)[-3:] == [(64,), (48,), (36,)], "of 27, the loss would be 1.2 above the best"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_it_ends_whatever_the_losses(seed, tolerance):
    drawn = random.Random(seed)
    progress, tried = searched(lambda _: drawn.choice([drawn.random(), math.inf]), tolerance=tolerance)
    assert not progress.wanted and len(tried) == len(set(tried)) < 50
    assert all(1 <= len(hidden) <= 3 and 4 <= hidden[0] <= 64 for hidden in tried)


def test_a_step_is_over_when_all_its_networks_are_known():
    known = {(4,): 1.0}
    assert progress_of(known, BOUNDS).wanted == ((8,), (4, 4))
    assert progress_of(known | {(4, 4): 0.5}, BOUNDS).wanted == ((8,),)
    assert progress_of(known | {(4, 4): 0.5, (8,): 0.7}, BOUNDS).wanted == ((8, 8), (4, 4, 4))


def test_networks_that_failed_are_never_taken():
    progress, _ = searched(lambda hidden: math.inf)
    assert taken(progress) == [(4,)] and not progress.wanted
    assert taken(searched(lambda hidden: math.inf if hidden[0] == 8 else 1.0 / sum(hidden))[0])[1] == (4, 4)


def test_losses_are_turned_where_more_is_better():
    records = [
        TrialRecord(0, "finished", {HIDDEN: [4]}, 0.9),
        TrialRecord(1, "pruned", {HIDDEN: [8]}, None),
        TrialRecord(2, "running", {HIDDEN: [4, 4]}, None),
    ]
    assert losses_of(records, maximizes=True) == {(4,): -0.9, (8,): math.inf}
    assert losses_of(records, maximizes=False)[(4,)] == 0.9


def config_of(**search) -> SearchConfig:
    return SearchConfig(**({"space": SPACE, "sampler": "capacity", "pruner": "none", "trials": 50} | search))


def loss_of(hidden) -> float:
    return max(20 - hidden[0], 0) + 0.1 * len(hidden)


def follow(study, config, *, most=1000) -> list[tuple[int, ...]]:
    """Take trials until there are no more, or enough."""
    whole = parse_config({"name": "a", "data": {"source": {"path": "a.csv"}, "label": "y"}})
    tried = []
    while len(tried) < most and (trial := study.take()):
        settings = suggest(config.space, whole, trial)
        trial.record_settings(settings)
        tried.append(tuple(settings[HIDDEN]))
        trial.record_costs(parameters=sum(tried[-1]))
        trial.finish(loss_of(tried[-1]))
    return tried


def test_a_study_tries_what_the_course_wants(tmp_path):
    config = config_of()
    with open_study(tmp_path / "study.db", config, seed=1, epochs=5) as study:
        tried = follow(study, config)
        records = study.records()
    assert tried == searched(loss_of)[1]
    progress = capacity_progress(records, config)
    assert taken(progress)[-1] == (24,) and not progress.wanted
    lines = steps_table(progress, records, "val_loss").splitlines()
    assert lines[0] == "| step | kind | hidden | trial | weights | val_loss | taken |"
    assert lines[2] == "| 0 | start | 4 | 0 | 4 | 16.1 | yes |"
    assert lines[-1] == "| 7 | shrink | 18 | 11 | 18 | 2.1 |  |"


def test_a_search_that_was_interrupted_goes_on_where_it_was(tmp_path):
    config = config_of()
    tried = []
    for most in (2, 3, 1000):
        with open_study(tmp_path / "study.db", config, seed=1, epochs=5) as study:
            tried += follow(study, config, most=most)
            left = study.take()  # as if it ran when its process was killed
            assert (left is None) == (most == 1000)
    assert sorted(tried) == sorted(searched(loss_of)[1])


def test_trials_bound_a_capacity_search(tmp_path):
    config = config_of(trials=4)
    with open_study(tmp_path / "study.db", config, seed=1, epochs=5) as study:
        assert len(follow(study, config)) == 4


@pytest.mark.timeout(60)
def test_networks_of_a_step_are_tried_side_by_side_and_the_next_step_waits_for_them(tmp_path):
    config = config_of()
    with open_study(tmp_path / "study.db", config, seed=1, epochs=5) as study:
        threads = [threading.Thread(target=follow, args=(study, config)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        records = study.records()
    tried = [tuple(record.settings[HIDDEN]) for record in records]
    assert tried == searched(loss_of)[1] and {record.state for record in records} == {"finished"}


@pytest.mark.timeout(60)
def test_those_who_wait_are_let_go(tmp_path):
    config = config_of()
    with open_study(tmp_path / "study.db", config, seed=1, epochs=5) as study:
        assert study.take() is not None
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(study.take()))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive(), "the first network must be known before another one is tried"
        study.close()
        waiting.join(20)
        assert answers == [None]


@pytest.mark.timeout(60)
def test_no_trial_begins_late(tmp_path):
    config = config_of()
    late = threading.Event()
    with open_study(tmp_path / "study.db", config, seed=1, epochs=5) as study:
        first = study.take(late.is_set)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(study.take(late.is_set)))
        waiting.start()
        late.set()
        first.record_settings({HIDDEN: [4]})
        first.finish(1.0)
        waiting.join(20)
        assert answers == [None]


@pytest.mark.parametrize(
    "space",
    [
        {HIDDEN: {"choice": [[4], [8]]}},
        {HIDDEN: {"list": [1, 2], "of": {"choice": [4, 8]}}},
        {**SPACE, "model.dropout": {"uniform": [0, 1]}},
        {HIDDEN: {**SPACE[HIDDEN], "when": {"model.activation": "relu"}}},
        {"model.layers": SPACE[HIDDEN]},
    ],
)
def test_other_spaces_are_refused(space):
    with pytest.raises(ValueError, match=r"capacity searches model\.hidden alone, such as"):
        config_of(space=space)


def test_a_capacity_search_has_one_goal():
    content = {
        "name": "a",
        "data": {"source": {"path": "a.csv"}, "label": "y"},
        "search": {"space": SPACE, "sampler": "capacity", "pruner": "none", "further_goals": ["parameters"]},
    }
    with pytest.raises(ConfigError, match="sampler capacity optimizes one goal"):
        parse_config(content)


def test_answers_give_the_network():
    assert params_of((8, 4)) == {"model.hidden.length": 2, "model.hidden.0": 8, "model.hidden.1": 4}
    assert len({str(params_of(hidden)) for hidden in itertools.product((4, 8), repeat=2)}) == 4
