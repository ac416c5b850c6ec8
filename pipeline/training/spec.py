"""What is trained: the settings that a training run needs, of the whole configuration."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.export import Format
from pipeline.config.model import ModelConfig
from pipeline.config.run import RunConfig
from pipeline.config.train import TrainConfig
from pipeline.schemas.document import fingerprint
from pipeline.training.job import DecisionConfig, shaping_settings

MODEL_ID_LENGTH = 16


@dataclass(frozen=True)
class TrainingSpec:
    """A training run of its own, of a fold, or of a trial.

    Attributes:
        name: of the experiment.
        store_id: of the store whose rows it trains on.
        model: the network.
        train: optimizer, epochs, ranks; `checkpoint` and `tensorboard` say what it leaves on its way.
        seed: of the initial weights and of the order of rows.
        decision_config: what is fitted on validation rows after the last epoch.
        formats: in which the model is written beside its Keras file.
        saves: whether the model is written at all.
    """

    name: str
    store_id: str
    model: ModelConfig
    train: TrainConfig
    seed: int
    decision_config: DecisionConfig
    formats: tuple[Format, ...] = ()
    saves: bool = True

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
        """The model's name: it changes with the store and with every setting that shapes the model."""
        shaping = shaping_settings(self.model, self.train, self.seed)
        return fingerprint([self.store_id, shaping, self.decision_config.identity()])[:MODEL_ID_LENGTH]
