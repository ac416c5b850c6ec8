"""Which settings a search tries, and how it goes about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.metrics import METRICS, trained_metrics
from pipeline.samplers import SAMPLERS, samplers_of_several_goals
from pipeline.schemas.section import Count, Integer, Name, Number, OneOrMore, Section

KINDS = ("choice", "uniform", "loguniform", "int", "list")
UNSEARCHABLE = ("crossval", "name", "storage", "track", "spark", "search", "evaluate", "drift")
"""Sections that all trials share."""
AUTO = "auto"
"""A space that is the network's own, see `Network.search`; a configuration at rest has its settings written out."""
PARAMETERS = "parameters"
"""The goal that is no metric: how many weights a network has."""
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


class ParameterConfig(Section):
    """The values that one setting may have; exactly one of the first five.

    Attributes:
        choice: these; each may be a number, a text, true or false, null, or a list.
        uniform: numbers between two, both included.
        loguniform: numbers between two above 0; their logarithm is uniform.
        int: whole numbers between two, both included.
        list: a list whose length is between two whole numbers, and whose elements are `of`; for layers, say.
        of: what the elements of a list may be.
        step: distance of neighbouring values of `uniform` and `int`.
        log: makes the logarithm of an `int` uniform.
        when: settings that must have one of these values for this one to be tried; else it is what the configuration
            says. They must stand before this one, or not be searched at all.
    """

    choice: Annotated[tuple[Any, ...], Field(min_length=1)] | None = None
    uniform: tuple[Number, Number] | None = None
    loguniform: tuple[Number, Number] | None = None
    int: tuple[Integer, Integer] | None = None
    list: tuple[Count, Count] | None = None
    of: ParameterConfig | None = None
    step: Annotated[Number, Field(gt=0.0)] | None = None
    log: bool = False
    when: dict[str, Any] = Field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Which of `KINDS` is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _fits(self) -> ParameterConfig:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)} is needed. Received: {', '.join(given) or 'none'}")
        (kind,) = given
        if (self.of is not None) != (kind == "list"):
            raise ValueError("'of' goes with 'list': it says what the elements may be")
        if self.of is not None and (self.of.kind == "list" or self.of.when):
            raise ValueError("'of' takes a plain parameter, without 'list' and 'when'")
        if self.step is not None and kind not in ("uniform", "int"):
            raise ValueError(f"'step' goes with uniform and int, not with {kind}")
        if self.step is not None and kind == "int" and (self.log or self.step != round(self.step)):
            raise ValueError("the 'step' of an int is a whole number, and does not go with 'log'")
        if self.log and kind != "int":
            raise ValueError("'log' goes with int; for other numbers there is loguniform")
        return self

    @model_validator(mode="after")
    def _bounds_ascend(self) -> ParameterConfig:
        bounds = getattr(self, self.kind)
        if self.kind == "choice":
            return self
        low, high = bounds
        if low > high:
            raise ValueError(f"the lower bound {low:g} is above the upper one, {high:g}")
        if low <= 0 and (self.kind == "loguniform" or self.log):
            raise ValueError(f"a logarithm needs bounds above 0. Received: {low:g}")
        return self


class SearchConfig(Section):
    """A search of settings: trials are trainings that differ in them, and the best is trained and evaluated in full.

    Attributes:
        space: values by the dotted name of a setting, such as `train.optimizer.learning_rate`; `auto` takes those that
            the network of `model.type` comes with.
        metric: by which trials are compared, at the epoch whose weights are kept: `val_loss`, or `val_` and one of
            `train.metrics`.
        goal: `auto` maximizes accuracy, auc, precision, recall, f1 and r2, and minimizes everything else.
        further_goals: that count beside `metric`: `parameters`, the number of weights, or `val_` and one of
            `train.metrics`. The trials that no other one beats in all goals are the front.
        tolerance: by how much of `metric` a trial may be worse than the best one and still count as good; of the good
            ones (on the front, where there are further goals), the one with the fewest weights is trained again.
        sampler: how the next trial is chosen. `grid` tries all combinations, and needs a finite space. `capacity`
            begins with the smallest network; doubles its width or adds a layer while validation improves by more than
            `tolerance`; and then takes width or layers off again while that costs no more than `tolerance`. Its space
            is the setting alone by which the network declares its capacity, such as `model.hidden`.
        pruner: how trials that are behind are ended early; with further goals, none can. With `crossval` it is
            `wilcoxon`, if anything: a trial ends where it is worse than the best one by the signed-rank test over the
            folds that both had.
        startup_trials: that are drawn at random before `tpe` and `cmaes` learn from them, and before `median` prunes.
        final: what the best settings are trained on at the end: `train`, the training rows, as the best trial was; or
            `train_and_validation`, then for as many epochs as the best trial had up to its best one.
        trials: how many in all; those of an earlier job with the same search count.
        parallel_trials: at a time, each on ranks of its own.
        workers_per_trial: ranks of each; None takes `train.workers`, on which the best one is trained again.
        patience: trials without a better one, or with further goals without a new one on the front, after which the
            search ends; None goes on.
        timeout: seconds after which no trial begins; None for no limit.
        trial_timeout: seconds after which a trial, or its training on one fold, is ended, and the trial counts as
            failed; None for no limit.
        crossval: whether a trial is judged by its mean over the folds of `crossval`, whose held-out rows are its
            validation rows, and ended early by its first folds; else by the validation rows.
        resume: `auto` goes on where an earlier job with the same search ended or was killed; `never` begins anew.
        study: a name for this search beside others of the same configuration.
    """

    space: dict[str, ParameterConfig] = Field(default_factory=dict)
    metric: Annotated[str, Field(pattern=r"^val_[A-Za-z0-9_]+$")] = "val_loss"
    goal: Literal["auto", "minimize", "maximize"] = "auto"
    further_goals: Annotated[tuple[FurtherGoal, ...], OneOrMore] = ()
    tolerance: Annotated[Number, Field(ge=0.0)] = 0.0
    sampler: Annotated[str, AfterValidator(SAMPLERS.check)] = "tpe"
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
    def _goals_go_together(self) -> SearchConfig:
        names = [goal.name for goal in self.goals]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"goal '{repeated[0]}' is given {names.count(repeated[0])} times")
        if not self.further_goals:
            return self
        if not SAMPLERS.get(self.sampler).takes_several_goals:
            raise ValueError(
                f"sampler {self.sampler} knows one goal only. With further_goals, allowed are "
                f"{', '.join(samplers_of_several_goals())}"
            )
        if self.pruner != "none":
            raise ValueError(
                f"pruner {self.pruner} cannot tell with several goals which trial is behind. With further_goals, set "
                "pruner: none"
            )
        return self

    @model_validator(mode="after")
    def _pruner_fits_what_trials_are_judged_by(self) -> SearchConfig:
        allowed = ("none", "wilcoxon") if self.crossval else ("none", "median", "halving", "hyperband")
        if self.pruner not in allowed and self.has_changed("pruner"):
            how = "over folds" if self.crossval else "epoch by epoch"
            raise ValueError(
                f"pruner {self.pruner} does not go with trials that are followed {how}. Allowed: {', '.join(allowed)}"
            )
        return self

    @model_validator(mode="after")
    def _space_is_sound(self) -> SearchConfig:
        problems = [problem for place, name in enumerate(self.space) for problem in self._problems(place, name)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self, place: int, name: str) -> list[str]:
        parameter, earlier = self.space[name], [*self.space][:place]
        problems = []
        if name.partition(".")[0] in UNSEARCHABLE:
            problems.append(f"space.{name}: all trials share this section; it cannot be searched")
        if late := [other for other in parameter.when if other in self.space and other not in earlier]:
            problems.append(f"space.{name}: 'when' names {', '.join(late)}, which must stand before it")
        if self.sampler == "grid" and not _is_finite(parameter):
            problems.append(f"space.{name}: a grid needs choice, int, or uniform with a step")
        return problems


def _is_maximized(metric: str) -> bool:
    """By the metric's entry; a class of Keras goes by the entry that its name begins with."""
    name = metric.removeprefix("val_")
    if name in METRICS.entries:
        return not METRICS.entries[name].lower_is_better
    trained = {*trained_metrics(classes=True), *trained_metrics(classes=False)}
    return name.startswith(("top_k", *(other for other in trained if not METRICS.entries[other].lower_is_better)))


def _is_finite(parameter: ParameterConfig) -> bool:
    if parameter.of is not None:
        return _is_finite(parameter.of)
    return parameter.kind in ("choice", "int") or (parameter.kind == "uniform" and parameter.step is not None)
