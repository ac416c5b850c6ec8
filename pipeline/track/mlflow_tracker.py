"""The only door to MLflow (the code of the logged model excepted: `score/mlflow_model.py`).

Every call names its run, so that several jobs of one process can record side by side. Trouble with the server
is said once, as a warning, and then no longer waited for.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.run import TrackConfig
from pipeline.contract.features import FeatureState
from pipeline.store import filesystem as files
from pipeline.store.filesystem import Root
from pipeline.store.layout import MODEL
from pipeline.track.tracker import NullTracker, Param, Tracker

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)

SETTINGS = {
    # MLflow's own limits would wait four minutes for a server that is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    # Its progress bars write over ours.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
PARAM_LENGTH = 500
MODEL_CODE = Path(__file__).parents[1] / "score" / "mlflow_model.py"


class MlflowTracker:
    """A run of an MLflow tracking server or database."""

    def __init__(self, client: Any, run_id: str) -> None:
        """`client` is an `MlflowClient`."""
        self._client, self._run_id, self._lost = client, run_id, False

    @property
    def run_id(self) -> str | None:
        """MLflow's."""
        return self._run_id

    def log_params(self, params: Mapping[str, Param]) -> None:
        """In one request."""
        from mlflow.entities import Param as MlflowParam

        found = [MlflowParam(name, str(value)[:PARAM_LENGTH]) for name, value in params.items()]
        self._attempt("parameters", lambda: self._client.log_batch(self._run_id, params=found))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """In one request."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        found = [Metric(name, value, now, step or 0) for name, value in metrics.items()]
        self._attempt("metrics", lambda: self._client.log_batch(self._run_id, metrics=found))

    def log_text(self, text: str, path: str) -> None:
        """As an artifact."""
        self._attempt(path, lambda: self._client.log_text(self._run_id, text, path))

    def log_figure(self, figure: Figure, path: str) -> None:
        """As an artifact."""
        self._attempt(path, lambda: self._client.log_figure(self._run_id, figure, path))

    def log_model(self, file: Root, state: FeatureState) -> str | None:
        """As a model by code, without pickle, with the signature of its raw columns."""
        return self._attempt("the model", lambda: self._log_model(file, state))

    def finish(self, status: str, reason: str = "") -> None:
        """End the run."""
        if reason:
            self._attempt("the reason", lambda: self._client.set_tag(self._run_id, "failure", reason[:PARAM_LENGTH]))
        self._attempt("the status", lambda: self._client.set_terminated(self._run_id, status))

    def _attempt(self, what: str, act: Any) -> Any:
        if self._lost:
            return None
        try:
            return act()
        except Exception as error:  # whatever the server says, the training goes on
            self._lost = True
            logger.warning("MLflow does not answer, so this run is no longer recorded (first lost: %s): %s", what, error)
            return None

    def _log_model(self, file: Root, state: FeatureState) -> str:
        import mlflow.pyfunc
        from mlflow.models import Model

        experiment = self._client.get_run(self._run_id).info.experiment_id
        logged = self._client.create_logged_model(experiment, name="model", source_run_id=self._run_id)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            # The signature is explicit; an example would cost a prediction, and so TensorFlow in the driver.
            warnings.filterwarnings("ignore", r".*An input example was not provided")
            local = Path(folder) / MODEL
            local.write_bytes(files.read_bytes(file))
            described = Path(folder) / "features.json"
            described.write_text(state.to_json(), encoding="utf-8")
            info = Model.log(
                artifact_path=None,
                flavor=mlflow.pyfunc,
                run_id=self._run_id,
                model_id=logged.model_id,
                python_model=str(MODEL_CODE),
                artifacts={"model": str(local), "features": str(described)},
                code_paths=[str(MODEL_CODE.parents[1])],
                signature=signature_of(state),
                pip_requirements=_requirements(),
            )
        return str(info.model_uri)


@contextmanager
def open_tracker(
    config: TrackConfig,
    *,
    root: Root,
    experiment: str,
    run_name: str,
    stage: str,
    run_id: str | None = None,
) -> Iterator[Tracker]:
    """A run for the length of a block: finished at its end, failed where the block raises.

    Args:
        config: where runs are recorded.
        root: of the storage, where the default database lies.
        experiment: what the run belongs to.
        run_name: for people.
        stage: the job, a tag.
        run_id: a run to continue; None starts one.
    """
    if not config.enabled:
        yield NullTracker()
        return
    tracker = _start(config, root, experiment, run_name, stage=stage, run_id=run_id)
    if tracker is None:
        yield NullTracker()
        return
    try:
        yield tracker
    except Exception as error:
        tracker.finish("FAILED", f"{type(error).__name__}: {error}")
        raise
    except BaseException:
        tracker.finish("KILLED")
        raise
    tracker.finish("FINISHED")


def default_uri(root: Root) -> str:
    """The database beside the runs."""
    return f"sqlite:///{root.path}/mlflow.db"


def _start(
    config: TrackConfig, root: Root, experiment: str, run_name: str, *, stage: str, run_id: str | None
) -> MlflowTracker | None:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    uri = config.uri or default_uri(root)
    if config.uri is None:
        Path(root.path).mkdir(parents=True, exist_ok=True)
    try:
        import mlflow
        from mlflow import MlflowClient

        mlflow.set_tracking_uri(uri)
        client = MlflowClient(tracking_uri=uri)
        if run_id is None:
            location = f"{root.uri}/mlartifacts" if config.uri is None else None
            place = _experiment_id(client, experiment, location)
            run_id = client.create_run(place, run_name=run_name, tags={"stage": stage, **config.tags}).info.run_id
        else:
            client.update_run(run_id, status="RUNNING")
    except Exception as error:  # a tracking server that is down must not stop a training
        logger.warning("MLflow at %s cannot be used, so this run is not recorded: %s", _without_user(uri), error)
        return None
    return MlflowTracker(client, run_id)


def _experiment_id(client: Any, name: str, location: str | None) -> str:
    """The experiment's id; another job may make it at the same moment."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def signature_of(state: FeatureState) -> Any:
    """Raw columns in, predictions out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = [ColSpec("double", feature.name, required=feature.fill is None) for feature in state.numeric]
    inputs += [ColSpec("string", feature.name, required=False) for feature in state.categorical]
    outputs = [ColSpec("double", "prediction")]
    if state.label.classes:
        outputs = [ColSpec("string", "label"), *(ColSpec("double", f"probability_{c}") for c in state.label.classes)]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _requirements() -> list[str]:
    """What the logged model needs to predict, as installed here."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("tensorflow-cpu", "tensorflow", "keras", "numpy", "pandas", "pydantic", "mlflow"):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _without_user(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//", uri)
