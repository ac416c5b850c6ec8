"""What a rank learns from Spark's own account of its task; no machine here has a GPU that Spark could assign."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.runtime.rank_info import RankInfo, rank_info_of


def context(partition: int, hosts: list[str], **resources: list[str]) -> SimpleNamespace:
    found = {name: SimpleNamespace(addresses=addresses) for name, addresses in resources.items()}
    infos = [SimpleNamespace(address=host) for host in hosts]
    return SimpleNamespace(getTaskInfos=lambda: infos, partitionId=lambda: partition, resources=lambda: found)


def test_ranks_of_one_host_stand_together():
    hosts = ["a:1", "b:1", "a:2", "b:2"]
    found = [rank_info_of(context(partition, hosts), "launch") for partition in range(4)]
    assert [info.rank for info in found] == [0, 2, 1, 3]
    assert found[2] == RankInfo(1, ("a", "a", "b", "b"), "launch")
    assert [(info.local_rank, info.local_size) for info in found] == [(0, 2), (0, 2), (1, 2), (1, 2)]


@pytest.mark.parametrize(("addresses", "gpu"), [(["3"], 3), (["2", "5"], 2), ([], None), (["GPU-8f1c"], None)])
def test_the_gpu_that_spark_assigns_is_taken(addresses, gpu):
    assert rank_info_of(context(0, ["a"], gpu=addresses), "").gpu == gpu
