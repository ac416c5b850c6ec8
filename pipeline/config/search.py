"""How a search chooses and compares its trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, model_validator

from pipeline.config.search_space import ParameterConfig, space_problems
from pipeline.metrics import METRICS, trained_metrics
from pipeline.samplers import SAMPLERS, samplers_of_several_goals
from pipeline.schemas.references import entry_of, stays_unresolved
from pipeline.schemas.section import Count, Integer, Name, Number, OneOrMore, Section

AUTO = "auto"
"""A space that is the network's own, see `Network.search`; a configuration at rest has its settings written out."""
PARAMETERS = "parameters"
"""The goal that is no metric: the number of weights of a network."""
FurtherGoal = Annotated[str, Field(pattern=rf"^({PARAMETERS}|val_[A-Za-z0-9_]+)$")]


@dataclass(frozen=True)
class Goal:
    """What trials are compared by.

    Attributes:
        name: a metric of validation rows, or `PARAMETERS`.
        maximizes: whether more is better.
    """

    name: str
    maximizes: bool


class SearchConfig(Section):
    """A search of settings: trials are training runs that differ in them; the best is trained and evaluated in full.

    Attributes:
        space: values by the dotted name of a setting, such as `train.optimizer.learning_rate`; `auto` takes the space
            of the network of `model.type`.
        metric: by which trials are compared, at the epoch whose weights are kept: `val_loss`, or `val_` and one of
            `train.metrics`.
        goal: `auto` takes the metric's own direction: accuracy is maximized, a loss minimized.
        further_goals: goals besides `metric`: `parameters`, the number of weights, or `val_` and one of
            `train.metrics`. The trials that no other one beats in all goals are the Pareto front.
        tolerance: how much worse than the best trial another one may be, in `metric`, and still count as good; of the
            good ones (on the Pareto front with further goals), the one with the fewest weights is trained again.
        sampler: how the next trial is chosen. `grid` tries all combinations, and needs a finite space. `capacity`
            starts with the smallest network, doubles its width or adds a layer while validation improves by more than
            `tolerance`, and then removes width or layers while that costs no more than `tolerance`; its space is
            the setting alone that sets the network's capacity, such as `model.hidden`.
        pruner: how unpromising trials are ended early; `none` with further goals. With `crossval`, `wilcoxon` ends a
            trial that is worse than the best one by the signed-rank test over the folds that both were trained on.
        startup_trials: trials drawn at random before `tpe` and `cmaes` learn from them, and before `median` prunes.
        final: the rows that the best settings are trained on at the end: `train`, as the best trial was; or
            `train_and_validation`, then for as many epochs as the best trial took to its best one.
        trials: how many in all; those of an earlier job with the same search count.
        parallel_trials: trials that run at a time, each on ranks of its own.
        workers_per_trial: ranks of a trial; None takes `train.workers`, on which the best settings are trained again.
        patience: trials without a better one, or with further goals without a new one on the Pareto front, after which
            the search ends; None runs all trials.
        timeout: seconds after which no trial is started; None for no limit.
        trial_timeout: seconds after which a trial, or its training on one fold, is stopped, and the trial counts as
            failed; None for no limit.
        crossval: whether a trial is judged by its mean over the folds of `crossval`, whose held-out rows are its
            validation rows, and pruned by its first folds; else by the validation rows.
        resume: `auto` resumes an earlier job with the same search that ended or was killed; `never` starts anew.
        study: the name of this search among others of the same configuration.
    """

    space: dict[str, ParameterConfig] = Field(default_factory=dict)
    metric: Annotated[str, Field(pattern=r"^val_[A-Za-z0-9_]+$")] = "val_loss"
    goal: Literal["auto", "minimize", "maximize"] = "auto"
    further_goals: Annotated[tuple[FurtherGoal, ...], OneOrMore] = ()
    tolerance: Annotated[Number, Field(ge=0.0)] = 0.0
    sampler: Annotated[str, entry_of(SAMPLERS)] = "tpe"
    pruner: Literal["none", "median", "halving", "hyperband", "wilcoxon"] = "median"
    startup_trials: Count = 10
    final: Literal["train", "train_and_validation"] = "train"
    trials: Annotated[Integer, Field(ge=1, le=100_000)] = 20
    parallel_trials: Annotated[Integer, Field(ge=1, le=256)] = 1
    workers_per_trial: Count | None = None
    patience: Count | None = None
    timeout: Annotated[Number, Field(gt=0.0)] | None = None
    trial_timeout: Annotated[Number, Field(gt=0.0)] | None = None
    crossval: bool = False
    resume: Literal["auto", "never"] = "auto"
    study: Name = "search"

    @property
    def maximizes(self) -> bool:
        """Whether more is better."""
        if self.goal == "auto":
            return _is_maximized(self.metric)
        return self.goal == "maximize"

    @property
    def goals(self) -> tuple[Goal, ...]:
        """All of them, `metric` first."""
        return (Goal(self.metric, self.maximizes), *(Goal(name, _is_maximized(name)) for name in self.further_goals))

    @model_validator(mode="after")
    def _goals_go_together(self, info: ValidationInfo) -> SearchConfig:
        names = [goal.name for goal in self.goals]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"goal '{repeated[0]}' is given {names.count(repeated[0])} times")
        if not self.further_goals or stays_unresolved(self.sampler, info):
            return self
        if not SAMPLERS.resolve(self.sampler).takes_several_goals:
            raise ValueError(
                f"sampler {self.sampler} optimizes one goal. With further_goals, allowed are "
                f"{', '.join(samplers_of_several_goals())}"
            )
        if self.pruner != "none":
            raise ValueError(f"pruner {self.pruner} compares trials by one goal. With further_goals, set pruner: none")
        return self

    @model_validator(mode="after")
    def _pruner_fits_what_trials_are_judged_by(self) -> SearchConfig:
        allowed = ("none", "wilcoxon") if self.crossval else ("none", "median", "halving", "hyperband")
        if self.pruner not in allowed and self.has_changed("pruner"):
            how = "fold by fold" if self.crossval else "epoch by epoch"
            raise ValueError(
                f"pruner {self.pruner} does not go with trials that report {how}. Allowed: {', '.join(allowed)}"
            )
        return self

    @model_validator(mode="after")
    def _space_is_sound(self) -> SearchConfig:
        if problems := space_problems(self.space, self.sampler):
            raise ValueError("; ".join(problems))
        return self


def _is_maximized(metric: str) -> bool:
    """By the metric's entry; a class of Keras goes by the entry that its name begins with."""
    name = metric.removeprefix("val_")
    if name in METRICS.entries:
        return not METRICS.entries[name].lower_is_better
    trained = {*trained_metrics(classes=True), *trained_metrics(classes=False)}
    return name.startswith(("top_k", *(other for other in trained if not METRICS.entries[other].lower_is_better)))
