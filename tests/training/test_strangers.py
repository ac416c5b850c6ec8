"""What listens while ranks train, and what becomes of strangers that connect meanwhile."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from pipeline.networks.mlp import MlpConfig
from pipeline.runtime.heartbeats import Heartbeat
from tests.support.forks import SERVER, Call
from tests.support.jobs import rank_job
from tests.support.stores import write_small_store
from tests.support.strangers import listeners
from tests.support.worlds import run_world

pytestmark = [pytest.mark.world_size(2), pytest.mark.timeout(280)]

SHARDS = {"train": [200, 200, 200, 200], "validation": [30, 5, 0, 35]}


def knows_secrets() -> bool:
    """Whether Horovod was compiled with all changes of scripts/env/horovod."""
    package = Path(find_spec("horovod").origin).parent
    (library,) = (package / "tensorflow").glob("mpi_lib.*so")
    with library.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).find(b"HOROVOD_GLOO_SECRET") >= 0


@pytest.mark.spark
def test_while_ranks_of_one_host_train_they_listen_at_nothing_and_spark_on_loopback_alone(tmp_path, spark):
    from pipeline.training.launch import launch_training

    write_small_store(tmp_path, SHARDS)
    job = rank_job(tmp_path, "listened", MlpConfig(hidden=(8,)), {"workers": 2, "batch_size": 16, "epochs": 20}, seed=3)
    ranks: dict[int, set[tuple[str, int]]] = {}
    others: set[tuple[str, int]] = set()

    def look(beats: Mapping[int, Heartbeat]) -> None:
        ranks.update({beat.pid: listeners(psutil.Process(beat.pid)) for beat in beats.values() if beat.begun > 0})
        for process in (this := psutil.Process(), *this.children(recursive=True)):
            others.update(listeners(process))

    launch_training(spark, job, lambda _: None, look)
    assert len(ranks) == 2
    assert set().union(*ranks.values()) == set()
    assert {address.removeprefix("::ffff:") for address, _ in others} == {"127.0.0.1"}  # Spark's and PySpark's own


@pytest.mark.parametrize("exchange", ["shared_memory", "horovod"])
def test_ranks_that_have_joined_no_longer_listen(tmp_path, exchange):
    ranks = run_world("tests.support.strangers:list_own", 2, tmp_path, exchange)
    assert [rank["listeners"].tolist() for rank in ranks] == [[], []]


@pytest.mark.skipif(not knows_secrets(), reason="Horovod was compiled without secrets; run scripts/setup")
def test_strangers_that_connect_before_the_other_rank_are_turned_away(tmp_path):
    calls = [
        Call("tests.support.strangers:visited_rank", (rank, str(tmp_path)), f"{tmp_path}/{rank}.out") for rank in "01"
    ]
    codes = SERVER.run(calls, seconds=120)
    output = [Path(call.output).read_text() for call in calls]
    assert codes == [0, 0], output
    assert output[0].count("Gloo refused a connection from [127.0.0.1]:") == 10, output[0]
