"""Versions and aliases in a real registry."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from pipeline.store.filesystem import StoragePath
from pipeline.tracking.promotion import Candidate
from tests.support.stores import regression_state
from tests.tracking.conftest import Open

if TYPE_CHECKING:
    from mlflow import MlflowClient

FIRST = Candidate(model_id="m", sha256="1", store_id="s", rows=100, metric="log_loss", value=0.5, interval=(0.45, 0.55))
BETTER = FIRST.model_copy(update={"sha256": "2", "value": 0.3, "interval": (0.25, 0.35)})
ABOUT_AS_GOOD = FIRST.model_copy(update={"sha256": "3", "value": 0.29, "interval": (0.24, 0.34)})


@pytest.fixture
def model(free_folder: StoragePath) -> StoragePath:
    """A file in the place of a Keras file; nobody loads it."""
    with free_folder.filesystem.open_output_stream(free_folder.path + "/model.keras"):
        return free_folder.child("model.keras")


def test_the_alias_champion_moves_to_what_is_certainly_better(
    open_run: Open, client: MlflowClient, model: StoragePath, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pipeline")
    runs, wanted = [], ["champion", "champion", "challenger"]
    for candidate, alias in zip((FIRST, BETTER, ABOUT_AS_GOOD), wanted, strict=True):
        with open_run() as tracker:
            uri = tracker.log_model(model, regression_state())
            promotion = tracker.register("moving", candidate)
        assert promotion is not None
        assert promotion.alias == alias
        runs.append((tracker.run_id, uri))
    aliases = client.get_registered_model("moving").aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"champion": 2, "challenger": 3}
    for number, (run_id, uri) in enumerate(runs, start=1):
        version = client.get_model_version("moving", str(number))
        assert version.run_id == run_id
        assert uri.removeprefix("models:/") in version.source
        assert version.tags["standing"] == wanted[number - 1]
        tags = client.get_run(run_id).data.tags
        assert (tags["registered"], tags["standing"]) == (f"moving {number}", wanted[number - 1])
        assert tags["standing.reason"] == version.tags["standing.reason"]
    assert Candidate.of_tags(client.get_model_version("moving", "2").tags) == BETTER
    assert "Version 3 of 'moving' is the challenger. It is not better by more than its interval" in caplog.text


def test_a_run_that_is_evaluated_again_has_one_version(
    open_run: Open, client: MlflowClient, model: StoragePath
) -> None:
    with open_run() as tracker:
        tracker.log_model(model, regression_state())
        tracker.register("again", FIRST)
    changed = FIRST.model_copy(update={"value": 0.51})
    with open_run(run_id=tracker.run_id) as again:
        promotion = again.register("again", changed)
    assert promotion is not None
    assert (promotion.alias, promotion.reason) == ("champion", "It already was the champion.")
    (version,) = client.search_model_versions("name = 'again'")
    assert Candidate.of_tags(version.tags) == changed


def test_a_run_without_a_model_costs_a_warning(open_run: Open, caplog: pytest.LogCaptureFixture) -> None:
    with open_run() as tracker:
        assert tracker.register("nothing", FIRST) is None
    assert " as 'nothing'. The run logged no model" in caplog.text
