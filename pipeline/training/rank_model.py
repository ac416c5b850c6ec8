"""The model that rank 0 writes at the end of training, and the digest of the weights of all ranks."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np

from pipeline.model.saved import write_saved_model
from pipeline.model.serving import build_serving_model
from pipeline.schemas.decision import DecisionRule
from pipeline.store import filesystem as files
from pipeline.store.layout import BUNDLE, MODEL, SAVED_MODEL
from pipeline.store.store import Store
from pipeline.training.job import RankJob

logger = logging.getLogger(__name__)


def write_model(network: keras.Model, job: RankJob, store: Store, decision: DecisionRule) -> None:
    """Write the model to a local folder, which is all that Keras and TensorFlow can do, and copy it to the scratch."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = build_serving_model(network, store.features, decision)
        model.save(folder / MODEL)
        if "saved_model" in job.formats:
            _export(model, store, folder / SAVED_MODEL)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            parts = path.relative_to(folder).parts
            files.write_bytes(job.open_scratch().child(BUNDLE, *parts), path.read_bytes())


def _export(model: keras.Model, store: Store, folder: Path) -> None:
    """Export a SavedModel. A failure is logged: a model that took long to train is better published without it."""
    try:
        write_saved_model(model, store.features, folder)
    except Exception as error:
        logger.warning("The model is published without its SavedModel. %s", error)
        shutil.rmtree(folder, ignore_errors=True)


def weights_digest(network: keras.Model) -> str:
    """SHA-256 over all weights, in order: equal only for bit-identical networks."""
    digest = hashlib.sha256()
    for weights in network.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()
