"""Versions of a registered model in MLflow, and the aliases `champion` and `challenger`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.tracking.mlflow_store import cut
from pipeline.tracking.promotion import Candidate, Promotion, promotion_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
VERSIONS_AT_MOST = 100


@dataclass(frozen=True)
class Registered:
    """A registered version.

    Attributes:
        name: the name of the registered model.
        version: its number.
        promotion: its alias, with the reason.
    """

    name: str
    version: str
    promotion: Promotion


def register(client: MlflowClient, run_id: str, name: str, candidate: Candidate) -> Registered:
    """Register a version of the model that a run logged, and set its alias; registering it again adds no version.

    Args:
        client: the client of the tracking store, which is the registry too.
        run_id: the run that logged the model.
        name: the name of the registered model, which is created if it does not exist.
        candidate: the model and its test metrics.

    Raises:
        ValueError: the run logged no model.
        MlflowException: the store refuses it, or does not answer.
    """
    _ensure(client, name)
    number = client.get_registered_model(name).aliases.get(CHAMPION)
    champion = None if number is None else client.get_model_version(name, str(number))
    version = _version_of(client, name, run_id, candidate)
    tags = {"run_id": run_id, **candidate.to_tags()}
    if version is None:
        logged = _logged(client, run_id)
        version = client.create_model_version(name, logged.artifact_location, run_id, tags, model_id=logged.model_id)
    else:
        for key, value in tags.items():
            client.set_model_version_tag(name, version.version, key, value)
    if champion is not None and str(champion.version) == str(version.version):
        promotion = Promotion(alias="champion", reason="It already was the champion.")
    else:
        reached = None if champion is None else Candidate.of_tags(champion.tags)
        promotion = promotion_of(candidate, reached, exists=champion is not None)
    client.set_registered_model_alias(name, promotion.alias, version.version)
    client.set_model_version_tag(name, version.version, "standing", promotion.alias)
    client.set_model_version_tag(name, version.version, "standing.reason", cut(promotion.reason))
    return Registered(name, str(version.version), promotion)


def _ensure(client: MlflowClient, name: str) -> None:
    """Create the registered model if it does not exist; another job may create it at the same moment."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        with suppress(MlflowException):
            client.create_registered_model(name)


def _version_of(client: MlflowClient, name: str, run_id: str, candidate: Candidate) -> Any:
    """The version that this run has already registered of this model; None where there is none."""
    versions = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'", max_results=VERSIONS_AT_MOST)
    wanted = candidate.sha256
    return next((v for v in versions if (earlier := Candidate.of_tags(v.tags)) and earlier.sha256 == wanted), None)


def logged_models(client: MlflowClient, run_id: str) -> list[Any]:
    """The models that a run logged or began to log, the latest first."""
    experiment = client.get_run(run_id).info.experiment_id
    order = [{"field_name": "creation_timestamp", "ascending": False}]
    return list(client.search_logged_models([experiment], f"source_run_id = '{run_id}'", order_by=order))


def _logged(client: MlflowClient, run_id: str) -> Any:
    """The latest model that the run logged."""
    from mlflow.entities import LoggedModelStatus

    models = [model for model in logged_models(client, run_id) if model.status == LoggedModelStatus.READY]
    if not models:
        raise ValueError("The run logged no model")
    return models[0]
