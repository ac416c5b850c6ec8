"""Checks the installed Horovod: two ranks on this machine add their tensors over Gloo, without MPI.

Run without arguments; exits 0 when both ranks got the right sum. The parent starts the rendezvous server and
one child process a rank, as a training job does with Spark tasks.
"""

import os
import subprocess
import sys

RANKS = 2
SECONDS = 180


def main() -> int:
    """Runs the parent, or, when the parent has set a rank, one rank."""
    if "HOROVOD_RANK" in os.environ:
        return check_sum()
    return start_ranks()


def check_sum() -> int:
    """One rank: rank r gives [r+1, r+1] and expects the sum over ranks."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    if not hvd.gloo_built():
        return fail("Horovod was built without Gloo.")
    total = hvd.allreduce(tf.fill([2], float(hvd.rank() + 1)), op=hvd.Sum)
    expected = sum(range(1, RANKS + 1))
    hvd.shutdown()
    if total.numpy().tolist() != [expected, expected]:
        return fail(f"The sum over {RANKS} ranks is {total.numpy().tolist()}; {[expected, expected]} was expected.")
    return 0


def start_ranks() -> int:
    """The parent: serves the rendezvous and waits for every rank, for at most SECONDS."""
    from horovod.runner.common.util.hosts import get_host_assignments, parse_hosts
    from horovod.runner.http.http_server import RendezvousServer

    server = RendezvousServer(verbose=0)
    port = server.start()
    server.init(get_host_assignments(parse_hosts(f"127.0.0.1:{RANKS}"), RANKS, RANKS))
    ranks = [
        subprocess.Popen([sys.executable, __file__], env={**os.environ, **rank_variables(rank, port)})
        for rank in range(RANKS)
    ]
    try:
        codes = [rank.wait(timeout=SECONDS) for rank in ranks]
    except subprocess.TimeoutExpired:
        return fail(f"The {RANKS} ranks did not finish within {SECONDS} seconds.")
    finally:
        for rank in ranks:
            rank.kill()
        server.stop()
    return 0 if not any(codes) else fail(f"The ranks ended with the exit codes {codes}; all should be 0.")


def rank_variables(rank: int, port: int) -> dict[str, str]:
    """What a rank needs to know before hvd.init(), all ranks being on this machine."""
    values = {
        "RANK": rank,
        "SIZE": RANKS,
        "LOCAL_RANK": rank,
        "LOCAL_SIZE": RANKS,
        "CROSS_RANK": 0,
        "CROSS_SIZE": 1,
        "HOSTNAME": "127.0.0.1",
        "GLOO_RENDEZVOUS_ADDR": "127.0.0.1",
        "GLOO_RENDEZVOUS_PORT": port,
        "GLOO_IFACE": "lo",
        "CONTROLLER": "gloo",
        "CPU_OPERATIONS": "gloo",
    }
    return {f"HOROVOD_{name}": str(value) for name, value in values.items()} | {"TF_CPP_MIN_LOG_LEVEL": "2"}


def fail(message: str) -> int:
    """Says what is wrong and gives the exit code for it."""
    sys.stderr.write(message + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
