"""A model of an outbox, logged to MLflow and registered there."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.kinds.fitted_features import FittedFeatures
from pipeline.store.filesystem import storage_path
from pipeline.store.layout import FEATURES, MODEL
from pipeline.tracking.mlflow_registry import Registered, logged_models, register
from pipeline.tracking.mlflow_store import cut, patience, reason_of
from pipeline.tracking.promotion import Candidate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

MODEL_NAME = "model"
SHA256_TAG = "pipeline.sha256"

logger = logging.getLogger(__name__)


def log_model(client: MlflowClient, run_id: str, keras: bytes, features: bytes) -> str:
    """Log a model as code, without pickle, with the signature of its raw columns; logging it again adds none.

    Args:
        client: the client of the tracking store.
        run_id: the run that logs it.
        keras: its Keras file.
        features: its fitted features, as JSON.

    Returns:
        Its URI.

    Raises:
        ValueError: its folder could not be written here.
        Exception: the store refuses it, or does not answer.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    sha256 = hashlib.sha256(keras).hexdigest()
    same = [model for model in logged_models(client, run_id) if model.tags.get(SHA256_TAG) == sha256]
    model = same[0] if same else _created(client, run_id, sha256)
    if model.status != LoggedModelStatus.READY:
        _upload(client, run_id, model.model_id, keras, features)
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return f"models:/{model.model_id}"


def register_model(client: MlflowClient, run_id: str, texts: Mapping[str, str]) -> Registered:
    """Register a version of the model that a run logged, set its alias, and tag the run with both.

    Args:
        client: the client of the tracking store.
        run_id: the run.
        texts: `name` of the registered model, and `candidate` as JSON.
    """
    from mlflow.entities import RunTag

    candidate = Candidate.from_json(texts["candidate"], "an entry of the outbox")
    version = register(client, run_id, texts["name"], candidate)
    promotion = version.promotion
    logger.info("Version %s of '%s' is the %s. %s", version.version, version.name, promotion.alias, promotion.reason)
    tags = {
        "registered": f"{version.name} {version.version}",
        "standing": promotion.alias,
        "standing.reason": cut(promotion.reason),
    }
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
    return version


def _created(client: MlflowClient, run_id: str, sha256: str) -> Any:
    experiment = client.get_run(run_id).info.experiment_id
    return client.create_logged_model(experiment, MODEL_NAME, source_run_id=run_id, tags={SHA256_TAG: sha256})


def _upload(client: MlflowClient, run_id: str, model_id: str, keras: bytes, features: bytes) -> None:
    from pipeline.tracking.mlflow_folder import write_model_folder

    with tempfile.TemporaryDirectory() as scratch:
        folder, file = Path(scratch) / MODEL_NAME, Path(scratch) / MODEL
        try:
            file.write_bytes(keras)
            state = FittedFeatures.from_json(features, FEATURES)
            write_model_folder(folder, storage_path(str(file)), state, model_id=model_id, run_id=run_id)
        except Exception as error:  # not an error of the server, whatever class MLflow gives it
            raise ValueError(f"Its folder could not be written: {reason_of(error)}") from error
        with patience():
            client.log_model_artifacts(model_id, str(folder))
