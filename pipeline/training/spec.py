"""What is trained: the settings that a training run needs, of the whole configuration."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.export import Format
from pipeline.config.model import ModelConfig
from pipeline.config.run import RunConfig
from pipeline.config.train import TrainConfig
from pipeline.schemas.document import fingerprint
from pipeline.training.job import DecisionConfig, FollowUp, shaping_settings

MODEL_ID_LENGTH = 16


@dataclass(frozen=True)
class TrainingSpec:
    """A training run: of the train stage, of a fold, or of a trial.

    Attributes:
        name: the experiment's name.
        store_id: the store to train on.
        model: the network's settings.
        train: optimizer, epochs, ranks, checkpoints and the like.
        seed: the seed of the initial weights and of the order of rows.
        decision_config: what is fitted on validation rows after the last epoch.
        formats: formats of the model beside its Keras file.
        saves: whether the model is written at all.
        follow_up: what the ranks do with the trained network before their launch ends; the weights do not depend on it.
        is_fold: whether it trains on a fold. Folds of an experiment run side by side, so each resumes from its own
            checkpoints alone.
    """

    name: str
    store_id: str
    model: ModelConfig
    train: TrainConfig
    seed: int
    decision_config: DecisionConfig
    formats: tuple[Format, ...] = ()
    saves: bool = True
    follow_up: FollowUp | None = None
    is_fold: bool = False

    @classmethod
    def of(cls, config: RunConfig, store_id: str) -> TrainingSpec:
        """The training run of a configuration, on one of its stores."""
        return cls(
            name=config.name,
            store_id=store_id,
            model=config.model,
            train=config.train,
            seed=config.seed,
            decision_config=DecisionConfig.of(config.evaluate),
            formats=config.export.formats,
        )

    @property
    def model_id(self) -> str:
        """The model's id, which changes with the store and with every setting that shapes the model."""
        shaping = shaping_settings(self.model, self.train, self.seed)
        return fingerprint([self.store_id, shaping, self.decision_config.identity()])[:MODEL_ID_LENGTH]
