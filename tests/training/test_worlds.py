"""Worlds of 1, 2 and 4 real ranks learn the same from the same rows, with every optimizer, and measure the same.

All ask the same worlds, which take minutes to run: so they are in one file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference

from pipeline.feed.blocks import open_feed
from pipeline.metrics.classes import AUC_BINS
from tests.support.learning import METRICS, OPTIMIZERS, PLAIN, TWICE, WEIGHTED, WITH_WEIGHTS, gradients_of, rows_of
from tests.support.stateful import BATCH, EPOCHS, MOMENTUM
from tests.support.stores import SPARSE, regression_state, write_small_store
from tests.support.worlds import run_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

UNEVEN = {"train": [400, 40, 130, 250]}
"""One shard has ten times the rows of another."""
LEARNED = [(PLAIN, name) for name in OPTIMIZERS] + [(WEIGHTED, name) for name in WITH_WEIGHTS]


def sizes(*allowed: int) -> list[Any]:
    """Sizes of worlds, as parameters of a test."""
    return [pytest.param(size, marks=pytest.mark.world_size(size), id=str(size)) for size in allowed]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory.mktemp("worlds"))


class Worlds(dict[int, list[dict[str, np.ndarray]]]):
    """By size of the world, what each rank returned; a world is launched by the first test that asks for it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        write_small_store(folder / "plain", UNEVEN)
        write_small_store(folder / "sparse", SPARSE)
        write_small_store(folder / "weighted", UNEVEN, state=regression_state().model_copy(update={"weight": "w"}))

    def __missing__(self, size: int) -> list[dict[str, np.ndarray]]:
        self[size] = run_world("tests.support.learning:learn_all", size, self.folder)
        return self[size]


@pytest.mark.parametrize("size", sizes(2, 4))
@pytest.mark.parametrize(("kind", "name"), LEARNED)
def test_several_ranks_learn_what_one_learns(worlds, kind, name, size):
    one, several = (worlds[ranks][0] for ranks in (1, size))
    np.testing.assert_allclose(several[f"weights/{kind}/{name}/0"], one[f"weights/{kind}/{name}/0"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(several[f"told/{kind}/{name}/0"], one[f"told/{kind}/{name}/0"], rtol=1e-5)


@pytest.mark.world_size(1)
def test_optimizers_and_weights_of_rows_make_a_difference(worlds):
    """Else the tests beside this one would compare nothing."""
    learned = [worlds[1][0][f"weights/{kind}/{name}/0"] for kind, name in LEARNED if name != "scaled"]
    for place, weights in enumerate(learned):
        assert all(np.abs(weights - other).max() > 1e-3 for other in learned[:place])


@pytest.mark.parametrize("size", sizes(1, 2, 4))
def test_all_ranks_hold_the_same_bits_and_so_does_a_second_training(worlds, size):
    first = worlds[size][0]
    for name, found in first.items():
        if not name.startswith("local/"):
            assert all((rank[name] == found).all() for rank in worlds[size]), name
    assert (first[f"weights/{PLAIN}/{TWICE}/0"] == first[f"weights/{PLAIN}/{TWICE}/1"]).all()


@pytest.mark.world_size(2)
def test_two_ranks_find_by_horovod_what_they_find_through_shared_memory(worlds):
    """To the bit, since two numbers have one sum: weights, metrics, and gradients that travel in 16 bits."""
    for name, found in run_world("tests.support.learning:learn_all", 2, worlds.folder, "horovod")[0].items():
        np.testing.assert_array_equal(found, worlds[2][0][name], err_msg=name)


@pytest.mark.world_size(4)
def test_ranks_of_two_hosts_learn_what_one_rank_learns(worlds):
    """All that they find, but for rounding, and the same bits on every rank."""
    ranks = run_world("tests.support.learning:learn_all", 4, worlds.folder, "hosts")
    for name, found in ranks[0].items():
        if name.startswith(("weights/", "told/")):
            np.testing.assert_allclose(found, worlds[1][0][name], rtol=1e-5, atol=1e-5, err_msg=name)
        if name.startswith("exchange/layers/"):
            np.testing.assert_allclose(found, worlds[4][0][name], rtol=1e-6, atol=1e-6, err_msg=name)
        if not name.startswith("local/"):
            assert all((rank[name] == found).all() for rank in ranks), name


@pytest.mark.world_size(3)
def test_horovod_adds_in_the_order_of_ranks_where_it_is_asked_to(tmp_path):
    shared, by_rank, ring = (
        run_world("tests.support.learning:exchange_sums", 3, tmp_path, exchange)[0]
        for exchange in ("shared_memory", "horovod_by_rank", "horovod")
    )
    for name, found in shared.items():
        np.testing.assert_array_equal(by_rank[name], found, err_msg=name)
    assert any((ring[name] != found).any() for name, found in shared.items())


@pytest.mark.parametrize("size", sizes(1, 2, 4))
@pytest.mark.parametrize(("way", "tolerance"), [("none", 1e-6), ("fp16", 2e-3), ("bf16", 2e-2)])
def test_gradients_are_summed_on_every_way(worlds, size, way, tolerance):
    for place, expected in enumerate(_sums(size)):
        found = worlds[size][0].get(f"exchange/{way}/{place}")
        if expected is None:
            assert found is None
            continue
        exact = size == 1 or place == 1  # an embedding's few rows travel as they are
        np.testing.assert_allclose(
            found, expected, rtol=1e-6, atol=1e-6 if exact else tolerance * np.abs(expected).max()
        )
        if way != "none" and not exact:
            assert (found != worlds[size][0][f"exchange/none/{place}"]).any()


@pytest.mark.parametrize("size", sizes(2, 4))
def test_adasum_adds_by_pairs_what_is_orthogonal(worlds, size):
    for place in (0, 1, 3):
        gradients = [size * _dense(gradients_of(rank)[place]).astype(np.float64) for rank in range(size)]
        while len(gradients) > 1:
            gradients = [_adasum(a, b) for a, b in zip(gradients[::2], gradients[1::2], strict=True)]
        np.testing.assert_allclose(worlds[size][0][f"exchange/adasum/{place}"], gradients[0], rtol=1e-5, atol=1e-5)


def _sums(size: int) -> list[np.ndarray | None]:
    columns = zip(*(gradients_of(rank) for rank in range(size)), strict=True)
    return [None if column[0] is None else sum(_dense(gradient) for gradient in column) for column in columns]


def _dense(gradient) -> np.ndarray:
    if not hasattr(gradient, "indices"):
        return gradient.numpy()
    table = np.zeros(gradient.dense_shape.numpy(), np.float32)
    np.add.at(table, gradient.indices.numpy(), gradient.values.numpy())
    return table


def _adasum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    common = (a * b).sum()
    return (1 - common / 2 / (a * a).sum()) * a + (1 - common / 2 / (b * b).sum()) * b


def expected(kind: str, name: str) -> float:
    rows = rows_of(kind)
    label, prediction, weight = (rows[column].astype(np.float64) for column in ("label", "prediction", "weight"))
    weights = {"sample_weight": weight}
    if kind == "numbers":
        return {
            "mae": reference.mean_absolute_error(label, prediction, **weights),
            "mse": reference.mean_squared_error(label, prediction, **weights),
            "rmse": reference.mean_squared_error(label, prediction, **weights) ** 0.5,
            "r2": reference.r2_score(label, prediction, **weights),
        }[name]
    several = prediction.ndim > 1
    chosen = prediction.argmax(1) if several else prediction > 0.5
    if name == "accuracy":
        return reference.accuracy_score(label, chosen, **weights)
    if name == "auc":
        shares = prediction / prediction.sum(1, keepdims=True) if several else prediction
        return reference.roc_auc_score(label, shares, **weights, **({"multi_class": "ovr"} if several else {}))
    score = {"precision": reference.precision_score, "recall": reference.recall_score, "f1": reference.f1_score}[name]
    return score(label, chosen, **weights, **({"average": "macro"} if several else {}))


@pytest.mark.parametrize("size", sizes(1, 2, 4))
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in METRICS.items() for name in names])
def test_metrics_are_those_of_all_rows(worlds, kind, name, size):
    tolerance = 1 / AUC_BINS if name == "auc" else 1e-6
    for rank in worlds[size]:
        assert rank[f"metric/{kind}/{name}"] == pytest.approx(expected(kind, name), rel=0, abs=tolerance)


@pytest.mark.parametrize("size", sizes(2, 4))
def test_areas_of_several_ranks_are_that_of_one(worlds, size):
    """Bins are the same however rows are divided, so they cost no exactness between worlds."""
    for kind in ("two", "three"):
        one, several = (worlds[ranks][0][f"metric/{kind}/auc"] for ranks in (1, size))
        assert several == pytest.approx(float(one), rel=0, abs=1e-9)


@pytest.mark.parametrize("size", sizes(2, 4))
@pytest.mark.parametrize("name", ["hidden/kernel", "hidden/bias", "output/kernel", "loss"])
def test_a_rank_without_rows_adds_nothing_though_its_padding_is_infinite(worlds, name, size):
    """But its share of the regularisation, without which the weights would differ."""
    one, several = (worlds[ranks][0][f"state/row_by_row/{name}"] for ranks in (1, size))
    np.testing.assert_allclose(several, one, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", sizes(1, 2, 4))
@pytest.mark.parametrize(
    "name",
    [
        "normalised/moving_mean",
        "normalised/moving_variance",
        "bounded/vector_u",
        "counted/mean",
        "counted/rows",
        "counted/steps",
        "counted/constant",
        "output/kernel",
        "loss",
    ],
)
def test_what_a_forward_pass_changes_is_finite_and_the_same_on_every_rank(worlds, name, size):
    first = worlds[size][0][f"state/with_state/{name}"]
    assert np.isfinite(first).all()
    assert all((rank[f"state/with_state/{name}"] == first).all() for rank in worlds[size])


@pytest.mark.parametrize("size", sizes(1, 2, 4))
def test_moving_means_and_counters_are_those_of_the_real_rows_of_all_ranks(worlds, tmp_path, size):
    store = write_small_store(tmp_path, SPARSE)
    feed = open_feed(store, "train", batch_size=BATCH, world_size=1, rank=0, steps_per_block=1, seed=1)
    expected = np.zeros(2)
    for block in (block for epoch in range(EPOCHS) for block in feed.epoch(epoch)):
        rows = np.log(np.abs(block.tensors["numeric"][block.weight > 0].astype(np.float64)))
        expected = MOMENTUM * expected + (1 - MOMENTUM) * rows.mean(0)
    state = {name.removeprefix("state/with_state/"): value for name, value in worlds[size][0].items()}
    np.testing.assert_allclose(state["normalised/moving_mean"], expected, rtol=1e-5)
    assert (state["counted/rows"], state["counted/steps"], state["counted/constant"]) == (48 * EPOCHS, 3 * EPOCHS, 1)


@pytest.mark.world_size(4)
def test_every_rank_draws_random_numbers_of_its_own(worlds):
    name = "local/with_state/seed_generator_state"
    seeds, alone = [rank[name].tolist() for rank in worlds[4]], worlds[1][0][name].tolist()
    assert seeds == [[alone[0] + rank, alone[1]] for rank in range(4)]
    assert alone[1] > 0
