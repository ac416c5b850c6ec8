"""What of the machine a rank may use."""

from __future__ import annotations

import os

import tensorflow as tf


def configure_devices(threads: int | None, ranks_on_host: int, local_rank: int) -> None:
    """Divide cores and GPUs among the ranks of a host; once a process, since TensorFlow allows no change later.

    Args:
        threads: CPU threads of this rank; None divides the host's cores evenly.
        ranks_on_host: how many ranks share the host.
        local_rank: which of them this is.
    """
    share = threads or max(1, len(os.sched_getaffinity(0)) // ranks_on_host)
    gpus = tf.config.list_physical_devices("GPU")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(share)
        tf.config.threading.set_inter_op_parallelism_threads(share)
        if gpus:
            mine = gpus[local_rank % len(gpus)]
            tf.config.set_visible_devices(mine, "GPU")
            tf.config.experimental.set_memory_growth(mine, True)
    except RuntimeError:
        return  # this process has computed before, with the same shares: Spark reuses its Python workers
    tf.config.experimental.enable_op_determinism()
