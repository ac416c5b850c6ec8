"""What ranks do with the network that they have trained, within the training run's own launch.

The network is in memory then, so it need be neither saved nor loaded, and no second launch has to start.
The function is named, like that of a launch: it may belong to a package that `training` does not import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import keras
import numpy as np
import tensorflow as tf

from pipeline.runtime.ranks import load_function
from pipeline.schemas.decision import DecisionRule
from pipeline.training.job import FollowUp
from pipeline.training.world import World

FollowUpFunction = Callable[[str, keras.Model, DecisionRule, int, int], None]
"""From the payload, the network, the decision rule, the rank and the number of ranks. It leaves its results in files,
takes no collective, and reports its activities: the stall detector watches it as it watches training."""


def run_follow_up(follow_up: FollowUp, network: keras.Model, decision: DecisionRule, world: World) -> None:
    """Run it on this rank; every rank must call this, after its last step.

    Args:
        follow_up: the function and its payload.
        network: the trained network, the same on all ranks.
        decision: the decision rule; that of rank 0 counts.
        world: the ranks.
    """
    function = cast(FollowUpFunction, load_function(follow_up.target))
    function(follow_up.payload, network, _decision_of_all(decision, world), world.rank, world.size)


def _decision_of_all(decision: DecisionRule, world: World) -> DecisionRule:
    """The decision rule of rank 0, which alone fits one, on every rank."""
    content = decision.to_json().encode() if world.rank == 0 else b""
    (gathered,) = world.gather([tf.constant(np.frombuffer(content, np.uint8))], "decision")
    return DecisionRule.from_json(gathered.numpy().tobytes(), "the decision rule of rank 0")
