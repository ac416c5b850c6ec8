"""The learning-rate finder: steps with a rising rate, on a network that is discarded."""

from __future__ import annotations

from pipeline.config.callbacks import RateFinderConfig
from pipeline.feed.blocks import Feed
from pipeline.feed.dataset import BlockReader
from pipeline.training.rate_curve import RateCurve, curve_of, explodes
from pipeline.training.step_runner import StepRunner


def find_rate(runner: StepRunner, feed: Feed, config: RateFinderConfig) -> RateCurve:
    """Try rising learning rates; every rank gets the same curve.

    Args:
        runner: its network is not usable afterwards.
        feed: of the training split, one step per block.
        config: the range of rates, and how many.

    Raises:
        TrainError: the loss never falls.
    """
    rates: list[float] = []
    losses: list[float] = []
    with BlockReader(feed) as reader:
        while len(losses) < config.steps and not explodes(losses):
            for block in reader.epoch():
                rates.append(_rate(config, len(losses)))
                runner.optimizer.learning_rate = rates[-1]
                runner.train(block)
                losses.append(runner.training.finish(runner.world)["loss"])
                if len(losses) == config.steps or explodes(losses):
                    break
    return curve_of(rates, losses)


def _rate(config: RateFinderConfig, step: int) -> float:
    return float(config.lowest * (config.highest / config.lowest) ** (step / (config.steps - 1)))
