"""An MLflow tracking store: connecting to it, its time-outs, and looking up its experiments and runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.redact import redacted
from pipeline.tracking.address import Address, check_reachable

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

TIMEOUT, PATIENT_TIMEOUT = "4", "120"
SETTINGS = {
    # By default, MLflow waits four minutes for a server that is down. With one retry it is twice the time-out.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": TIMEOUT,
    # No messages about created tables, URLs of runs, progress bars for small files, or a missing git.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""Without it, MLflow's pages show the views for language models."""
NOISY = ("mlflow", "alembic")
TEXT_LENGTH = 500


def connect(address: Address) -> MlflowClient:
    """A client without global state: no default store, no active run.

    Raises:
        ConfigError: MLflow does not support this kind of store.
        OSError: there is no store at this address.
    """
    check_reachable(address)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return MlflowClient(tracking_uri=address.uri, registry_uri=address.uri)
    except MlflowException as error:
        if is_down(error):
            raise
        raise ConfigError(
            f"track.uri '{redacted(address.uri)}' is not a tracking store. "
            f"Allowed: sqlite:///FILE, http://HOST:PORT, https://HOST:PORT, databricks. {reason_of(error)}"
        ) from error


def resumed_run(client: MlflowClient, run_id: str) -> Any:
    """A run, set to running again; None where the store no longer has it."""
    from mlflow.exceptions import MlflowException

    try:
        client.update_run(run_id, status="RUNNING")
        return client.get_run(run_id)
    except MlflowException as error:
        if is_down(error):
            raise
        logger.warning("MLflow no longer has run %s, so a new run is started. %s", run_id, reason_of(error))
        return None


def find_experiment(client: MlflowClient, name: str, address: Address) -> str:
    """The experiment's id; creates the experiment if needed, which another job may do at the same moment."""
    from mlflow.exceptions import MlflowException

    existing = client.get_experiment_by_name(name)
    if existing is None:
        try:
            return str(client.create_experiment(name, artifact_location=address.artifacts, tags=EXPERIMENT_TAGS))
        except MlflowException:
            existing = client.get_experiment_by_name(name)
            if existing is None:
                raise
    if existing.lifecycle_stage == "deleted":
        raise ConfigError(
            f"Experiment '{name}' was deleted in MLflow at {redacted(address.uri)}. Set track.experiment to "
            f"another name, or restore it: mlflow experiments restore --experiment-id {existing.experiment_id}."
        )
    return str(existing.experiment_id)


@contextmanager
def patience() -> Iterator[None]:
    """A longer time-out, for an upload that the server acknowledges at its end; the user's own setting is kept."""
    if os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT") != TIMEOUT:
        yield
        return
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = PATIENT_TIMEOUT
    try:
        yield
    finally:
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = TIMEOUT


def is_down(error: Exception) -> bool:
    """Whether the store did not answer, as opposed to refusing a request."""
    from mlflow.exceptions import RestException
    from requests import RequestException

    if isinstance(error, RestException) or getattr(getattr(error, "response", None), "status_code", 500) < 500:
        return False
    return isinstance(error, RequestException) or getattr(error, "error_code", "") == "INTERNAL_ERROR"


def has_response(error: Exception) -> bool:
    """Whether the server did answer, with a status such as 500, which it may repeat for this request alone."""
    return getattr(error, "response", None) is not None


def reason_of(error: Exception) -> str:
    """An error's message on one line, of bounded length, without user names and passwords.

    An error without a message is named by its class.
    """
    return cut(redacted(" ".join(str(error).split()) or type(error).__name__))


def cut(text: str) -> str:
    """A text of bounded length."""
    return text if len(text) <= TEXT_LENGTH else f"{text[: TEXT_LENGTH - 1]}…"
