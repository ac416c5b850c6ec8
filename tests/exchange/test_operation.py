"""TensorFlow's operations on two real ranks."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.support.exchanging import TIME_LIMIT, TYPES, numbers_of
from tests.support.forks import SERVER, Call
from tests.support.worlds import run_world

pytestmark = pytest.mark.world_size(2)

SEEN_WITHIN = 0.5


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    return run_world("tests.support.exchanging:exchange_all", 2, tmp_path_factory.mktemp("exchanging"))


def rounded(numbers: np.ndarray, kind: str) -> np.ndarray:
    import tensorflow as tf

    return tf.cast(tf.cast(tf.constant(numbers), kind), tf.float64).numpy()


@pytest.mark.parametrize("kind", TYPES)
def test_numbers_of_every_type_are_summed_and_rounded_once(ranks, kind):
    parts = [rounded(numbers_of(kind, rank), kind) for rank in range(2)]
    expected = rounded(parts[0] + parts[1], kind)  # exact in float64, but for what float64 itself rounds
    for rank in ranks:
        np.testing.assert_array_equal(rank[f"sum/{kind}"], expected)
    assert len(set(expected)) > 50


def test_a_tensor_without_numbers_is_exchanged_too(ranks):
    assert [float(rank["empty"]) for rank in ranks] == [2.0, 2.0]


def test_rows_are_gathered_by_rank_though_their_numbers_differ(ranks):
    for rank in ranks:
        assert rank["rows"].tolist() == [[0, 1], [2, 3], [4, 5], *([100 + n, 101 + n] for n in range(0, 12, 2))]
        assert rank["no_rows"].shape == (3, 4)
        assert rank["wide"].tolist() == [0.0] * 300_007 + [1.0] * 7


def test_all_get_the_values_of_rank_0_to_the_bit(ranks):
    for rank in ranks:
        assert rank["broadcast/0"].tobytes() == np.array([0.5, -0.0], np.float32).tobytes()
        assert (bool(rank["broadcast/1"]), int(rank["broadcast/2"])) == (True, 0)


def test_exchanges_run_in_the_order_in_which_they_were_traced(ranks):
    assert [float(rank["ordered"]) for rank in ranks] == [600.0, 600.0]


def test_graphs_know_the_shapes(ranks):
    assert ranks[0]["shape"].tolist() == [3, 4, -1, 4]


def test_ranks_that_fall_out_of_step_are_told_what_each_calls_for(ranks):
    for own, rank in enumerate(ranks):
        message = str(rank["local/mismatch"])
        assert f"The exchange 'tag_{own}' between ranks is refused: ranks are out of step" in message
        assert f"rank {own} calls sum of 'tag_{own}' (1 tensors, {8 + 4 * own} bytes), and rank " in message
        assert float(rank["local/seconds"]) < SEEN_WITHIN


def run_with(fault: str, folder: Path) -> list[int]:
    """The exit codes of two ranks, of which the second meets a fault; what they print goes to files."""
    calls = [
        Call("tests.support.exchanging:meet_fault", (fault, str(rank), str(folder)), f"{folder}/{rank}.out")
        for rank in range(2)
    ]
    return SERVER.run(calls, seconds=200)


@pytest.mark.parametrize(
    ("fault", "message", "within"),
    [
        ("die", "has ended", SEEN_WITHIN),
        ("die_with_a_child", "has ended", SEEN_WITHIN),
        ("stop", "has not come for 2 s", TIME_LIMIT + SEEN_WITHIN),
    ],
)
def test_a_rank_that_does_not_come_is_named_in_time(tmp_path, fault, message, within):
    assert run_with(fault, tmp_path) == [0, -signal.SIGKILL], (tmp_path / "0.out").read_text()
    said, seconds = json.loads((tmp_path / "0.out").read_text().splitlines()[-1])
    process = (tmp_path / "process-1").read_text()
    assert f"The exchange 'step' between ranks broke off: rank 1 (process {process}) {message}." in said
    assert seconds < within


def test_nothing_is_left_behind_when_all_are_killed(tmp_path):
    before = set(os.listdir("/dev/shm"))
    assert run_with("die_with_all", tmp_path) == [-signal.SIGKILL] * 2
    assert "/memfd:pipeline-" in (tmp_path / "links").read_text()
    assert set(os.listdir("/dev/shm")) <= before
    left = {path.name for path in (tmp_path / "exchange").iterdir()}
    assert left == {"offer-0.json", "answer-1.json", "agreement.json"}
