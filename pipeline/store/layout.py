"""Where everything lies under a storage root.

<root>/stores/<name>/<store_id>/{train,validation,test}/*.parquet, contract.json, features.json, audit.json,
    table.json (the contract of the source),
    quarantine/*.parquet if rows were quarantined, manifest.json
<root>/stores/<name>/<store_id>/{rows/*/*.parquet, fold-0/, fold-1/, ...}, of a cross-validation: each fold is a store
    without files of its own, with contract.json, features.json, unscaled.json and manifest.json; beside them is
    audit.json, of all folds; folds.json is written last
<root>/models/<name>/<model_id>/bundle-<hash>/{model.keras, features.json, table.json, profile.json, config.yaml,
    and exports}, with test.json after the evaluation; model.json, the card, which names the folder
<root>/checkpoints/<name>/<model_id>/<generation>.checkpoint, of an unfinished training run
<root>/fold-checkpoints/<name>/<model_id>/<generation>.checkpoint, of a fold's unfinished training run
<root>/tensorboard/<name>/<model_id>/, if `train.tensorboard` asks for it
<root>/contracts/<name>.yaml, the contract of a source, for people to edit
<root>/crossvals/<name>/<crossval_id>/{report.json, predictions/*.parquet, fold-0/, ...}, the results of folds
<root>/searches/<name>/<study>-<search_id>.db, the trials of a search, and .db.copy, which it resumes from
<root>/samples/<sample>-<...>.parquet
<root>/scratch/<...>/, work in progress
<root>/spool/<...>/, what the tracking server has not received yet
<root>/mlflow.db, <root>/mlartifacts/
"""

from __future__ import annotations

from pipeline.store.filesystem import StoragePath

SPLITS = ("train", "validation", "test")
CONTRACT, FEATURES, AUDIT, MANIFEST = "contract.json", "features.json", "audit.json", "manifest.json"
PROFILE = "profile.json"
UNSCALED, FOLDS = "unscaled.json", "folds.json"
TABLE = "table.json"
CONFIG = "config.yaml"
MODEL, MODEL_CARD, TEST_CARD = "model.keras", "model.json", "test.json"
"""A model's Keras file, its card, and the card of its test."""

SAVED_MODEL = "saved_model"
BUNDLE = "bundle"
"""The folder of a model in TensorFlow's format, and the folder of all files of a model before it is published."""


def store_folder(root: StoragePath, name: str, store_id: str) -> StoragePath:
    """The folder of a published store."""
    return root.child("stores", name, store_id)


def fold_folder(number: int) -> str:
    """The folder of a fold, within the folder of all folds."""
    return f"fold-{number}"


def group_folder(number: int, group: int | str) -> str:
    """The folder of the rows of one group of a fold assignment, within the folder of all folds."""
    return f"rows/{number}-{group}"


def fold_store(store_id: str, name: str) -> str:
    """The id of a fold's store, by which it is opened like any other store."""
    return f"{store_id}/{name}"


def model_folder(root: StoragePath, name: str, model_id: str) -> StoragePath:
    """The folder of a published model."""
    return root.child("models", name, model_id)


def checkpoints_folder(root: StoragePath, name: str) -> StoragePath:
    """The folder of the checkpoints of an experiment's unfinished training runs, a folder each."""
    return root.child("checkpoints", name)


def fold_checkpoints_folder(root: StoragePath, name: str) -> StoragePath:
    """The folder of the checkpoints of folds' unfinished training runs, which run side by side: a folder each."""
    return root.child("fold-checkpoints", name)


def tensorboard_folder(root: StoragePath, name: str, model_id: str) -> StoragePath:
    """The folder of a training run's metrics for TensorBoard."""
    return root.child("tensorboard", name, model_id)


def bundle_folder(sha256: str) -> str:
    """The name of the folder of a published model's files."""
    return f"{BUNDLE}-{sha256[:12]}"


def crossval_folder(root: StoragePath, name: str, crossval_id: str) -> StoragePath:
    """The folder of a cross-validation's results."""
    return root.child("crossvals", name, crossval_id)


def search_file(root: StoragePath, name: str, study: str, search_id: str) -> StoragePath:
    """The database of a search's trials."""
    return root.child("searches", name, f"{study}-{search_id}.db")


def scratch_folder(root: StoragePath) -> StoragePath:
    """The parent of all scratch folders, on the same file system as what they will become."""
    return root.child("scratch")
