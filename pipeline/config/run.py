"""The whole configuration of one experiment."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline.config.capacity import capacity_problem
from pipeline.config.crossval import CrossvalConfig
from pipeline.config.data import DataConfig, StorageConfig
from pipeline.config.drift import DriftConfig
from pipeline.config.evaluate import EvaluateConfig
from pipeline.config.export import ExportConfig
from pipeline.config.features import FeaturesConfig, is_choice
from pipeline.config.model import ModelConfig, search_space
from pipeline.config.score import ScoreConfig
from pipeline.config.search import AUTO, SearchConfig
from pipeline.config.split import SplitConfig, role_problems
from pipeline.config.train import TrainConfig
from pipeline.networks.mlp import MlpConfig
from pipeline.schemas.section import Integer, Name, Section

# Every class has a method of that name, for abstract classes; a section has no use for it.
warnings.filterwarnings("ignore", message=r'Field name "register" in "TrackConfig" shadows', category=UserWarning)


class TrackConfig(Section):
    """Where runs are recorded.

    Attributes:
        enabled: whether runs are recorded.
        uri: of the MLflow tracking store; None means Databricks' own there, else a sqlite file under `storage.root`.
        experiment: None means the configuration's name.
        tags: of every run.
        register: register every evaluated model as a version of a registered model: its name, or `true` for the name of
            the configuration. `tracking/promotion.py` says which version is the champion.
    """

    enabled: bool = True
    uri: str | None = None
    experiment: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    register: bool | Name = False


class SparkConfig(Section):
    """The Spark session.

    Attributes:
        master: None takes that of spark-submit, else this machine with a task slot a core, at least one a worker.
        conf: further Spark settings.
    """

    master: str | None = None
    conf: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _settings_are_text(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("conf"), dict):
            return {**value, "conf": {key: _spark_text(setting) for key, setting in value["conf"].items()}}
        return value


def _spark_text(setting: Any) -> Any:
    """YAML reads `true` and `4` as a boolean and a number; Spark wants text."""
    if isinstance(setting, bool):
        return str(setting).lower()
    return str(setting) if isinstance(setting, (int, float)) else setting


class RunConfig(Section):
    """One experiment.

    Attributes:
        name: of the experiment, its stores and its models.
        seed: of the split, the shuffling and the initial weights.
    """

    name: Name
    seed: Annotated[Integer, Field(ge=0, lt=1 << 31)] = 0
    storage: StorageConfig = StorageConfig()
    data: DataConfig
    split: SplitConfig = SplitConfig()
    features: FeaturesConfig = FeaturesConfig()
    drift: DriftConfig = DriftConfig()
    model: ModelConfig = MlpConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    score: ScoreConfig = ScoreConfig()
    crossval: CrossvalConfig = CrossvalConfig()
    search: SearchConfig = SearchConfig()
    export: ExportConfig = ExportConfig()
    track: TrackConfig = TrackConfig()
    spark: SparkConfig = SparkConfig()

    @model_validator(mode="before")
    @classmethod
    def _space_may_be_the_network_s(cls, value: Any) -> Any:
        search = value.get("search") if isinstance(value, dict) else None
        if not isinstance(search, dict) or search.get("space") != AUTO:
            return value
        return {**value, "search": {**search, "space": search_space(value.get("model"))}}

    @property
    def trial_workers(self) -> int:
        """Ranks of a trial of a search."""
        return self.search.workers_per_trial or self.train.workers

    @model_validator(mode="after")
    def _split_has_its_columns(self) -> RunConfig:
        problems = [
            *role_problems(self.split, self.data),
            *(f"crossval.{problem}" for problem in role_problems(self.crossval, self.data)),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _nested_folds_have_a_space(self) -> RunConfig:
        if self.crossval.nested and not self.search.space:
            raise ValueError(
                "crossval.nested searches within each fold, and search.space is empty. Name settings there"
            )
        return self

    @model_validator(mode="after")
    def _capacity_can_be_searched(self) -> RunConfig:
        if self.search.sampler == "capacity" and self.search.space:
            problem = capacity_problem(self.search.space, self.model.type)
            if problem is not None:
                raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _label_is_no_feature(self) -> RunConfig:
        groups = (*self.features.groups, *self.features.crosses)
        if any(self.data.label in group.columns for group in groups):
            raise ValueError(f"the label '{self.data.label}' is also named as a feature")
        return self

    @model_validator(mode="after")
    def _excluded_is_no_feature(self) -> RunConfig:
        groups = (*self.features.groups, *self.features.crosses)
        named = [name for group in groups for name in group.columns if not is_choice(name) and self.data.excludes(name)]
        if named:
            raise ValueError(f"columns named as features that data.exclude takes out: {', '.join(named)}. Remove one")
        return self
