"""The learning-rate finder: some steps with a rising rate, on a network that is thrown away."""

from __future__ import annotations

from pipeline.config.callbacks import RateFinderConfig
from pipeline.feed.blocks import Feed
from pipeline.feed.dataset import BlockReader
from pipeline.training.learner import Learner
from pipeline.training.rates import RateCurve, curve_of, explodes


def find_rate(learner: Learner, feed: Feed, config: RateFinderConfig) -> RateCurve:
    """Try learning rates; every rank finds the same.

    Args:
        learner: is not worth anything afterwards.
        feed: of the training split, a step a block.
        config: which rates.

    Raises:
        TrainError: the loss never falls.
    """
    rates: list[float] = []
    losses: list[float] = []
    with BlockReader(feed) as reader:
        while len(losses) < config.steps and not explodes(losses):
            for block in reader.epoch():
                rates.append(_rate(config, len(losses)))
                learner.optimizer.learning_rate = rates[-1]
                learner.train(block)
                losses.append(learner.training.finish(learner.world)["loss"])
                if len(losses) == config.steps or explodes(losses):
                    break
    return curve_of(rates, losses)


def _rate(config: RateFinderConfig, step: int) -> float:
    return float(config.lowest * (config.highest / config.lowest) ** (step / (config.steps - 1)))
