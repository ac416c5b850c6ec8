"""Where everything lies under a storage root, and what a store is called.

<root>/stores/<name>/<store_id>/{train,validation,test}/*.parquet, contract.json, features.json, audit.json,
    table.json (the contract of the source that it was made under),
    quarantine/*.parquet where rows were set aside, manifest.json
<root>/models/<name>/<model_id>/model-<hash>.keras, model.json, which names the file
<root>/checkpoints/<name>/<model_id>/<generation>.checkpoint, of a training that is not finished
<root>/tensorboard/<name>/<model_id>/, where `train.tensorboard` asks for it
<root>/contracts/<name>.yaml, the contract of a source, for people to edit
<root>/samples/<sample>-<...>.parquet
<root>/scratch/<...>/, work in progress
<root>/spool/<...>/, what the tracking server has not got yet
<root>/mlflow.db, <root>/mlartifacts/
"""

from __future__ import annotations

from pipeline.store.filesystem import Root

SPLITS = ("train", "validation", "test")
CONTRACT, FEATURES, AUDIT, MANIFEST = "contract.json", "features.json", "audit.json", "manifest.json"
PROFILE = "profile.json"
TABLE = "table.json"
MODEL, MODEL_CARD = "model.keras", "model.json"
"""A model's file before it is published, and its card."""


def store_place(root: Root, name: str, store_id: str) -> Root:
    """The folder of a published store."""
    return root.within("stores", name, store_id)


def model_place(root: Root, name: str, model_id: str) -> Root:
    """The folder of a published model."""
    return root.within("models", name, model_id)


def checkpoints_folder(root: Root, name: str) -> Root:
    """The folder of the checkpoints of all unfinished trainings of an experiment, a folder each."""
    return root.within("checkpoints", name)


def tensorboard_folder(root: Root, name: str, model_id: str) -> Root:
    """The folder of a training's metrics for TensorBoard."""
    return root.within("tensorboard", name, model_id)


def model_file(sha256: str) -> str:
    """The name of a published model's file, which no other model's file has."""
    return f"model-{sha256[:12]}.keras"


def scratch_folder(root: Root) -> Root:
    """The folder of all folders for work in progress, on the same file system as what they will become."""
    return root.within("scratch")
