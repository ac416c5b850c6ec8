"""The cores and the GPU that a process may use for TensorFlow."""

from __future__ import annotations

import logging
import os

import tensorflow as tf

logger = logging.getLogger(__name__)


def configure_devices(
    threads: int | None, ranks_on_host: int, local_rank: int, gpu: int | None = None, *, overlaps: bool = False
) -> int:
    """Make computation repeatable, and divide cores and GPUs among the ranks of a host.

    TensorFlow accepts these settings only before a process computes for the first time. Spark reuses its Python
    workers, so a later launch with other settings keeps the first ones, with a warning.

    Args:
        threads: number of CPU threads of this rank; None divides the host's cores evenly.
        ranks_on_host: number of ranks on the host.
        local_rank: number of this rank among them.
        gpu: number of the GPU that the rank was assigned; None takes the one of its local rank.
        overlaps: exchange gradients while others are computed, which takes a second thread, if mostly a waiting one.

    Returns:
        The number of CPU threads.
    """
    tf.config.experimental.enable_op_determinism()
    share = threads or max(1, len(os.sched_getaffinity(0)) // ranks_on_host)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(share)
        tf.config.threading.set_inter_op_parallelism_threads(max(2, share) if overlaps else share)
        _take_gpu(local_rank if gpu is None else gpu)
    except RuntimeError as error:
        logger.warning("This process keeps the cores and GPUs of its first training run: %s", error)
    return share


def _take_gpu(number: int) -> None:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        mine = gpus[number % len(gpus)]
        tf.config.set_visible_devices(mine, "GPU")
        tf.config.experimental.set_memory_growth(mine, True)
