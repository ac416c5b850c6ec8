"""What a search logs to its tracked run: the table of its trials, all of them as JSON, and plots."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from matplotlib.figure import Figure

from pipeline.config.search import SearchConfig
from pipeline.tracking.tracker import Tracker
from pipeline.tuning.capacity import capacity_progress, steps_table
from pipeline.tuning.comparison import compared_values, comparison_plot
from pipeline.tuning.contour import contour_plot, two_settings
from pipeline.tuning.pareto_front import pareto_front
from pipeline.tuning.pareto_plot import pareto_plot
from pipeline.tuning.plots import epochs_plot, history_plot, importance_plot, parallel_plot, settings_plot
from pipeline.tuning.record import TrialRecord
from pipeline.tuning.table import trials_table

logger = logging.getLogger(__name__)

LISTED = 10
"""The most trials in the table; all of them are in the JSON file."""


def log_search(
    tracker: Tracker,
    config: SearchConfig,
    records: Sequence[TrialRecord],
    best: TrialRecord,
    importance: Mapping[str, float],
    *,
    title: str,
) -> None:
    """Log all of it.

    Args:
        tracker: the run of the search.
        config: the search.
        records: all trials.
        best: the trial that will be trained again.
        importance: the importance of settings, from `Study.importance`.
        title: the first part of the titles of plots.
    """
    tracker.log_params({"sampler": config.sampler, "pruner": config.pruner, "trials": len(records)})
    reached = {config.metric: best.reached, **best.further}
    tracker.log_metrics({f"best_{name}": value for name, value in reached.items()} | {"best_trial": float(best.number)})
    log_trials(tracker, records, config)
    if config.sampler == "capacity":
        steps = steps_table(capacity_progress(records, config), records, config.metric)
        tracker.log_text(steps, "capacity.md")
        logger.info("The steps of the capacity search:\n%s", steps)
    for name, figure in _figures(config, title, records, best, importance):
        tracker.log_figure(figure, f"plots/search_{name}.png")


def log_trials(tracker: Tracker, records: Sequence[TrialRecord], config: SearchConfig) -> None:
    """Log the table of the best trials, and all of them as JSON."""
    front = {record.number for record in pareto_front(records, config.goals)}
    trials = [asdict(record) | {"on_front": record.number in front} for record in records]
    tracker.log_text(json.dumps(trials, indent=1), "trials.json")
    # The evaluation of the final model will describe the run; the table stays an artifact.
    tracker.log_text(trials_table(records, config.goals, most=LISTED), "trials.md")


def _figures(
    config: SearchConfig,
    experiment: str,
    records: Sequence[TrialRecord],
    best: TrialRecord,
    importance: Mapping[str, float],
) -> Iterator[tuple[str, Figure]]:
    """Plots with their names, each drawn after the previous one was logged."""
    metric, maximizes, titled = config.metric, config.maximizes, f"{experiment}: {{}}".format
    yield "history", history_plot(records, metric, maximizes=maximizes, title=titled("search"))
    step = "fold" if config.crossval else "epoch"
    yield "epochs", epochs_plot(records, metric, best=best.number, title=titled(f"trials by {step}"), step=step)
    yield "settings", settings_plot(records, metric, title=titled("settings"))
    yield "parallel_coordinates", parallel_plot(records, metric, title=titled("parallel coordinates"))
    yield "importance", importance_plot(importance, title=titled("importance of settings"))
    if pair := two_settings(records, importance):
        yield "contour", contour_plot(records, metric, names=pair, maximizes=maximizes, title=titled("two settings"))
    if options := compared_values(config, records):
        title = titled("comparison")
        yield "comparison", comparison_plot(records, metric, options=options, maximizes=maximizes, title=title)
    if config.further_goals:
        front = pareto_front(records, config.goals)
        yield "pareto", pareto_plot(records, front, best, goals=config.goals, title=titled("goals"))
