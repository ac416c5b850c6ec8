"""Studies: trials that a killed process left are taken up again, bad ones are ended, failures are kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from pipeline.config.search import SearchConfig
from pipeline.errors import ConfigError
from pipeline.tuning.record import TrialRecord, best_of, ranked
from pipeline.tuning.study import open_study
from pipeline.tuning.table import setting_text, trials_table

KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.config.search import SearchConfig
from pipeline.tuning.study import open_study
config = SearchConfig(trials=6, sampler="random")
with open_study(Path(sys.argv[1]), config, seed=1, epochs=5) as study:
    for number in range(3):
        trial = study.take()
        x = trial.number_between("x", 0.0, 1.0, step=None, log=False)
        trial.record_settings({"x": x})
        if number == 2:
            trial.is_behind(1, x)
            os.kill(os.getpid(), signal.SIGKILL)
        trial.finish(x)
"""


@contextmanager
def study_of(folder, **search):
    config = SearchConfig(**({"sampler": "random", "pruner": "none"} | search))
    with open_study(folder / "study.db", config, seed=1, epochs=9) as study:
        yield study


def drawn(trial) -> float:
    x = trial.number_between("x", 0.0, 1.0, step=None, log=False)
    trial.record_settings({"x": x})
    return x


def exhaust(study) -> None:
    while trial := study.take():
        trial.finish(drawn(trial))


def test_there_are_as_many_trials_as_asked_for_and_the_best_is_known(tmp_path):
    with study_of(tmp_path, trials=5) as study:
        exhaust(study)
        records = study.records()
        assert [record.number for record in records] == [0, 1, 2, 3, 4]
        values = [record.value for record in records]
        assert best_of(records, maximizes=False).value == min(values)
        assert best_of(records, maximizes=True).value == max(values)


def test_a_trial_that_was_running_when_its_process_was_killed_is_done_again(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "study.db")], check=False)
    assert killed.returncode == -9
    with study_of(tmp_path, trials=6) as study:
        before = study.records()
        assert [record.state for record in before] == ["finished", "finished", "running"]
        again = study.take()
        assert again.number == 2 and drawn(again) == before[2].settings["x"]
        again.is_behind(1, 0.5)
        again.finish(0.5)
        exhaust(study)
        records = study.records()
    assert len(records) == 6 and {record.state for record in records} == {"finished"}
    assert len({record.settings["x"] for record in records}) == 6
    assert [record.value for record in records[:2]] == [record.value for record in before[:2]]


def test_the_same_seed_draws_the_same(tmp_path):
    found = []
    for name in ("a", "b"):
        with study_of(tmp_path / name, trials=4, sampler="tpe", startup_trials=2) as study:
            exhaust(study)
            found.append([record.settings for record in study.records()])
    assert found[0] == found[1]


def test_a_search_is_run_by_one_job_at_a_time(tmp_path):
    with (
        study_of(tmp_path),
        pytest.raises(ConfigError, match=r"Another job is running this search.*search\.study"),
        study_of(tmp_path),
    ):
        pass


def test_never_begins_anew(tmp_path):
    with study_of(tmp_path, trials=2) as study:
        exhaust(study)
    with study_of(tmp_path, trials=2, resume="never") as study:
        assert study.records() == []


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband"])
def test_bad_trials_are_ended_early_and_good_ones_are_not(tmp_path, pruner):
    with study_of(tmp_path, trials=12, pruner=pruner, startup_trials=2) as study:
        ended = {}
        while trial := study.take():
            drawn(trial)
            bad = trial.number % 2
            for epoch in range(1, 10):
                if trial.is_behind(epoch, 10.0 * bad + 1.0 / epoch):
                    trial.prune()
                    ended[trial.number] = epoch
                    break
            else:
                trial.finish(10.0 * bad)
        assert any(number % 2 and epoch < 9 for number, epoch in ended.items())
        assert best_of(study.records(), maximizes=False).number % 2 == 0
        pruned = [record for record in study.records() if record.state == "pruned"]
        assert sorted(ended) == [record.number for record in pruned]
        assert all(max(record.values) == ended[record.number] for record in pruned)


def test_failures_are_kept_and_counted_as_trials(tmp_path):
    with study_of(tmp_path, trials=2) as study:
        for _ in range(2):
            trial = study.take()
            drawn(trial)
            trial.fail("Rank 1 was killed")
        assert study.take() is None and study.importance() == {}
        assert [record.failure for record in study.records()] == ["Rank 1 was killed"] * 2


def test_patience_ends_a_search_that_does_not_improve(tmp_path):
    with study_of(tmp_path, trials=100, patience=3) as study:
        for value in (5.0, 4.0, 6.0, 6.0, 6.0):
            trial = study.take()
            drawn(trial)
            trial.finish(value)
        assert study.take() is None


SEVERAL = {"further_goals": "parameters", "pruner": "none"}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_several_goals_are_searched_and_kept_by_name(tmp_path, sampler):
    search = {"sampler": sampler, "startup_trials": 3, "trials": 12, **SEVERAL}
    with study_of(tmp_path, **search) as study:
        while trial := study.take():
            x = drawn(trial)
            assert not trial.is_behind(1, 2 * x) and not trial.is_behind(2, x)
            trial.record_costs(parameters=100)
            trial.fail("lost") if trial.number == 1 else trial.finish(x, 1000.0 * (1.0 - x))
    with study_of(tmp_path, **search) as study:
        records, importance = study.records(), study.importance()
    assert records[1].failure == "lost" and (records[1].value, records[1].further) == (None, {})
    x = records[0].settings["x"]
    assert records[0].reached == x and records[0].further == {"parameters": pytest.approx(1000.0 * (1.0 - x))}
    assert records[0].values == {1: 2 * x, 2: x} and records[0].parameters == 100
    assert importance == {"x": pytest.approx(1.0)}


def test_patience_with_several_goals_waits_for_a_new_trial_on_the_front(tmp_path):
    with study_of(tmp_path, trials=100, patience=2, **SEVERAL) as study:
        for values in ((5.0, 50.0), (4.0, 60.0), (6.0, 40.0), (6.0, 60.0), (7.0, 50.0)):
            trial = study.take()
            drawn(trial)
            trial.finish(*values)
        assert study.take() is None


def test_a_table_of_several_goals_has_the_front():
    goals = SearchConfig(**SEVERAL).goals
    records = [
        TrialRecord(number, "finished", {"rate": 0.1}, value, {"parameters": weights})
        for number, (value, weights) in enumerate([(0.5, 9000.0), (0.25, 12345.0), (0.3, 12345.0)])
    ]
    shown = trials_table(records, goals, most=10)
    assert shown.startswith("3 trials: 3 finished. On the Pareto front: 2 trials.")
    assert "| trial | val_loss | parameters | `rate` |" in shown
    assert shown.splitlines()[4:] == ["| 1 | 0.25 | 12,345 | 0.1 |", "| 0 | 0.5 | 9,000 | 0.1 |"]


def test_a_grid_is_gone_through_once(tmp_path):
    grid = [{"x": 0.0}, {"x": 0.5}, {"x": 1.0}]
    config = SearchConfig(sampler="random", trials=10)
    config = config.model_copy(update={"sampler": "grid"})
    with open_study(tmp_path / "study.db", config, seed=1, epochs=5, grid=grid) as study:
        exhaust(study)
        assert [record.settings["x"] for record in study.records()] == [0.0, 0.5, 1.0]


def test_trials_of_a_queue_that_did_not_begin_are_none(tmp_path):
    config = SearchConfig(trials=2).model_copy(update={"sampler": "grid"})
    with open_study(
        tmp_path / "study.db", config, seed=1, epochs=5, grid=[{"x": 0.0}, {"x": 0.5}, {"x": 1.0}]
    ) as study:
        exhaust(study)
        assert [record.number for record in study.records()] == [0, 1]


def test_threads_take_different_trials(tmp_path):
    with study_of(tmp_path, trials=12) as study:
        threads = [threading.Thread(target=exhaust, args=(study,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [record.state for record in study.records()] == ["finished"] * 12


def test_importance_tells_what_matters(tmp_path):
    with study_of(tmp_path, trials=25) as study:
        while trial := study.take():
            x = trial.number_between("x", 0.0, 1.0, step=None, log=False)
            y = trial.number_between("y", 0.0, 1.0, step=None, log=False)
            trial.record_settings({"x": x, "y": y})
            trial.finish(10 * x + 0.01 * y)
        importance = study.importance()
    assert importance["x"] > 0.9 > importance["y"]


def test_the_table_names_the_best_first_and_counts_the_others(tmp_path):
    with study_of(tmp_path, trials=3) as study:
        for value in (3.0, 1.0, None):
            trial = study.take()
            trial.record_settings({"model.hidden": [8, 4], "rate": 0.00123456})
            trial.prune() if value is None else trial.finish(value)
        records = study.records()
    assert [record.number for record in ranked(records, maximizes=False)] == [1, 0]
    shown = trials_table(records, SearchConfig().goals, most=1)
    assert "3 trials: 2 finished, 1 pruned" in shown
    assert "| 1 | 1 | 8-4 | 0.001235 |" in shown and "| 0 |" not in shown
    assert setting_text([]) == "none"
