"""Ranks on two hosts that share a file system and a network, and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.training.test_strangers import knows_secrets

RANK = """
import sys
import numpy as np
from pipeline.model.device import configure_devices
from pipeline.store.filesystem import storage_path
from pipeline.training.agreement import Meeting
from pipeline.training.join import joined_world

configure_devices(1, 1, 0, overlaps=True)
rank, folder, *hosts = sys.argv[1:]
with joined_world(Meeting(storage_path(folder), hosts, int(rank), 60)) as world:
    assert world.sum([np.full(2, world.rank + 1, np.float32)], "sum")[0].numpy().tolist() == [3.0, 3.0]
"""


@pytest.fixture
def link(repository: Path) -> ModuleType:
    """The module of simulated hosts."""
    file = repository / "scripts" / "benches" / "support" / "link.py"
    spec = importlib.util.spec_from_file_location("link", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.world_size(2)
@pytest.mark.skipif(not knows_secrets(), reason="Horovod was compiled without our changes; run scripts/setup")
def test_ranks_meet_over_their_network_though_the_names_of_their_hosts_are_loopback_addresses(link, tmp_path):
    try:
        hosts = link.Link().hosts
    except (AttributeError, OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"Namespaces of the network need Python 3.12, /dev/net/tun and root: {error}")
    output = [tmp_path / f"{rank}.out" for rank in range(2)]
    command = (sys.executable, "-c", RANK)
    addresses = [host.address for host in hosts]
    ranks = [
        host.run(
            *command, str(rank), str(tmp_path), *addresses, stdout=output[rank].open("w"), stderr=subprocess.STDOUT
        )
        for rank, host in enumerate(hosts)
    ]
    try:
        codes = [rank.wait(120) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert codes == [0, 0], [file.read_text()[-2000:] for file in output]
